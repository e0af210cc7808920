"""The OpenAPI 3.1 description of all endpoints: `GET /openapi.json` returns it, `GET /docs` shows it.

Each group of endpoints is a `Description` of tables: the endpoints, and the schemas that they name.  Those
of a dialect are in its folder, and its record names them; those of the bridge itself are here.  To describe
a new endpoint, add an `Endpoint` to its group (a page's goes to `pages`).  The tests fail while a route is
not described, or a description has no route, and they send every example.

A schema describes what the bridge itself checks.  A value that is passed on unread has no type: Copilot
judges it, and every field that is not named.  This package is imported at the first request for the
description.
"""
