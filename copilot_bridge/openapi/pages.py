"""The pages for people, and what their scripts ask."""

from copilot_bridge.dialects.validation import or_null
from copilot_bridge.openapi.endpoint import ANYBODY, CSV, HTML, NO_STORE, Answer, Endpoint, in_path, query
from copilot_bridge.openapi.schemas import Schema, list_of, number, ref, text, thing, whole

SCHEMAS: dict[str, Schema] = {
    "LoggedRequest": thing(
        {
            "id": text("Its `X-Request-Id`."),
            "at": number("When it came: Unix time, seconds."),
            "caller": text("The key that it came with."),
            "account": or_null(text("The GitHub login that paid.")),
            "dialect": or_null(text("The API that the client spoke.")),
            "model": or_null(text()),
            "upstream": or_null(text("The API that was spoken to Copilot.")),
            "status": or_null(whole()),
            "outcome": text(
                "`ok`, `client_disconnected`, the kind of an error, or `interrupted`: the bridge ended first."
            ),
            "error": or_null(text("What was said of it.")),
            "ms": or_null(whole("How long it took.")),
            "queue_ms": or_null(whole("Until it was its turn.")),
            "token_ms": or_null(whole("Until there was a Copilot token.")),
            "first_byte_ms": or_null(whole("Until the answer began.")),
            "tokens_in": or_null(whole()),
            "tokens_out": or_null(whole()),
            "cost": or_null(number("AI units.")),
            "premium": or_null(number("Premium requests.")),
            "session": or_null(text("A short name of the conversation.")),
            "discount": or_null(number("The part of the price that the model `auto` was cheaper by.")),
            "mended": or_null(text("What Copilot refused first, and was said otherwise or left out.")),
        },
        ("id", "at", "caller", "outcome"),
        "A request for a model, and what became of it.",
    ),
    "RequestList": thing(
        {
            "data": list_of(ref("LoggedRequest")),
            "next": or_null(text("What to give as `before` for the next page; null: this is the last one.")),
        },
        ("data", "next"),
    ),
}

# What the log is filtered by.
FILTERS = (
    query("from", text(), "From when on: Unix seconds, or ISO 8601, in UTC unless it says otherwise."),
    query("to", text(), "Until when; a day or a minute is meant to its end."),
    query("key", text(), "Of this key only, as the log names it."),
    query("model", text(), "Of this model only."),
    query("account", text(), "Of this GitHub login only."),
    query("session", text(), "Of this conversation only, as the log names it."),
    query(
        "status",
        text(),
        "Like `404` or `4xx`; or `ok`, `error` (all of them), `client`, `limit`, `upstream`, `broken`, "
        "`gone`, `internal`.",
    ),
)
LIMIT = query("limit", whole("", 1, maximum=1000, default=50), "Of a page.")
MARKS = (
    query("before", text(), "The `next` of the page before."),
    query("after", text(), "To a browser: the page with what came later."),
)

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
        route="GET /requests",
        id="listRequests",
        summary="List the request log",
        about="The newest first. The operator sees all of it, any other key its own requests. What was said "
        "is in none of them.",
        parameters=(*FILTERS, LIMIT, *MARKS),
        answers={200: Answer("A page of the log.", ref("RequestList"), headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /requests/{number}",
        id="showRequest",
        summary="Show a request of the log",
        about="The operator may see each of them, any other key its own.",
        parameters=(
            in_path("number", text(), "Its `X-Request-Id`.", "0b5c1a52-8f3d-4c1e-9d5b-2f1f6f0c7a11"),
        ),
        answers={200: Answer("The request.", ref("LoggedRequest"), headers=NO_STORE)},
        kinds=("not_found",),
        page=True,
    ),
    Endpoint(
        route="GET /requests.json",
        id="exportRequests",
        summary="Give the request log as a file",
        about="All that the filter leaves, in pieces, however long it is.",
        parameters=FILTERS,
        answers={200: Answer("The log.", list_of(ref("LoggedRequest")), headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /requests.csv",
        id="exportRequestsAsTable",
        summary="Give the request log as a file for spreadsheets",
        about="The same as `/requests.json`, with a header, and the time in UTC as the first column.",
        parameters=FILTERS,
        answers={200: Answer("The log.", text(), kind=CSV, headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
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
