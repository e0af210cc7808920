"""The pages for people, and what their scripts ask."""

from copilot_bridge.openapi.endpoint import ANYBODY, HTML, Answer, Endpoint, query
from copilot_bridge.openapi.schemas import Schema, text

SCHEMAS: dict[str, Schema] = {}

# What there is nothing but a page of.
A_PAGE = {200: Answer("A page.", text(), kind=HTML)}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        route="GET /auth/device",
        id="showAccounts",
        summary="Log in to GitHub, and see who is logged in",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge auth`.",
        parameters=(query("look", text(), "Ask GitHub now whether its code has been entered."),),
        answers=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /approvals",
        id="showApprovals",
        summary="See which requests wait for a yes",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge approvals`.",
        parameters=(query("said", text(), "What has become of the last click: `yes`, `no`, `gone`."),),
        answers=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /setup",
        id="showSetup",
        summary="Get the lines that point a client at the bridge",
        about="To the operator. Programs have `copilot-bridge setup`.",
        parameters=(
            query("client", text(), "Its name, as `copilot-bridge setup` lists them."),
            query("model", text(), "An id of the catalogue; else what fits the client."),
            query(
                "system", text(), "`linux`, `linux-fish`, `macos`, `macos-fish`, `windows` or `windows-cmd`."
            ),
        ),
        answers=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /docs",
        id="showDocs",
        summary="Show this description to people",
        answers=A_PAGE,
        security=ANYBODY,
        page=True,
    ),
)
