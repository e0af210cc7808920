"""What the bridge answers to, told as OpenAPI 3.1: `GET /openapi.json` gives it, `GET /docs` shows it.

A module for each group of endpoints holds tables: `ENDPOINTS`, and the `SCHEMAS` that they name.  To
describe a new endpoint, add an `Endpoint` to its group (a page's goes to `pages`); a new group gets a line
in `document.GROUPS`.  The tests fail while a route is not described, or a description has no route, and
they send every example.

A schema says what the bridge itself checks.  What it passes on unread stands without a type: its value is
for Copilot to judge, and so is every field that is not named.  None of this is imported before somebody
asks for it.
"""
