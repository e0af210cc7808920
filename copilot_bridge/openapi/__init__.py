"""The OpenAPI 3.1 description of all endpoints: `GET /openapi.json` returns it, `GET /docs` shows it.

A module for each group of endpoints holds tables: `ENDPOINTS`, and the `SCHEMAS` that they name.  To
describe a new endpoint, add an `Endpoint` to its group (a page's goes to `pages`); a new group gets a line
in `document.GROUPS`.  The tests fail while a route is not described, or a description has no route, and
they send every example.

A schema describes what the bridge itself checks.  A value that is passed on unread has no type: Copilot
judges it, and every field that is not named.  This package is imported at the first request for the
description.
"""
