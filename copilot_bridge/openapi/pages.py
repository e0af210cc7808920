"""The pages for people, and what their scripts ask."""

from copilot_bridge.openapi.endpoint import ANYBODY, CSV, HTML, Answer, Endpoint, in_path, query
from copilot_bridge.openapi.schemas import Schema, list_of, number, or_null, ref, text, thing, whole

SCHEMAS: dict[str, Schema] = {
    "LoggedRequest": thing(
        {
            "id": text("The `X-Request-Id` of the answer."),
            "at": number("When it came; unix seconds."),
            "caller": or_null(text("Whose key it came with.")),
            "account": or_null(text("The GitHub login that paid.")),
            "model": or_null(text()),
            "status": or_null(whole("Of the answer.")),
            "outcome": or_null(text("`ok`, `client gone`, `cut`, or the kind of the error.")),
            "ms": or_null(whole("Until the last byte.")),
        },
        ("id", "at"),
        "What the log knows of a request; never what was said.",
    ),
}

FILTER = (
    query("from", text(), "The oldest: unix seconds, or a time like `2026-11-21T14:32`."),
    query("to", text(), "The newest, likewise."),
    query("key", text(), "The caller, as the log names it: `key:alice`."),
    query("model", text(), "The model that answered."),
    query(
        "status",
        text(),
        "`404`, `4xx`, `ok`, `error`, `client`, `limit`, `upstream`, `broken`, `gone`, `internal`.",
    ),
    query("account", text(), "The GitHub login that paid."),
)
ATTACHED = {"Content-Disposition": {"description": "Its name as a file.", "schema": {"type": "string"}}}
OWN = "A key that is not the operator's sees its own requests."

# What there is nothing but a page of.
A_PAGE = {200: Answer("A page.", text(), kind=HTML)}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        route="GET /requests",
        id="listRequests",
        summary="List the requests that were answered, the newest first",
        about=OWN,
        parameters=(
            *FILTER,
            query("limit", whole("", 1, maximum=1000, default=50), "How many; a browser's page has 50."),
            query("before", text(), "What `next` said, for the next page."),
        ),
        answers={
            200: Answer(
                "A page of the log.",
                thing({"data": list_of(ref("LoggedRequest")), "next": or_null(text())}, ("data", "next")),
            )
        },
        kinds=("invalid_request",),
        page=True,
    ),
    Endpoint(
        route="GET /requests/{number}",
        id="getRequest",
        summary="Look up one request",
        about=OWN,
        parameters=(in_path("number", text(minLength=1), "The `X-Request-Id` of its answer.", "none"),),
        answers={200: Answer("The request.", ref("LoggedRequest"))},
        kinds=("not_found",),
        page=True,
    ),
    Endpoint(
        route="GET /requests.csv",
        id="exportRequestsAsCsv",
        summary="Export the log for a spreadsheet",
        about=f"Cells that a spreadsheet would take for a formula begin with an apostrophe. {OWN}",
        parameters=FILTER,
        answers={200: Answer("A row for each request.", text(), kind=CSV, headers=ATTACHED)},
        kinds=("invalid_request",),
        page=True,
    ),
    Endpoint(
        route="GET /requests.json",
        id="exportRequestsAsJson",
        summary="Export the log for programs",
        about=OWN,
        parameters=FILTER,
        answers={200: Answer("All of them.", list_of(ref("LoggedRequest")), headers=ATTACHED)},
        kinds=("invalid_request",),
        page=True,
    ),
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
