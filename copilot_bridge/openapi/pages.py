"""The pages for people, and the data that their scripts request."""

from copilot_bridge.dialects.description.endpoint import (
    ANYBODY,
    CSV,
    HTML,
    NO_STORE,
    Description,
    Endpoint,
    Success,
    in_path,
    query,
)
from copilot_bridge.dialects.description.schemas import (
    Schema,
    integer,
    list_of,
    number,
    object_with,
    ref,
    string,
)
from copilot_bridge.dialects.validation import or_null

SCHEMAS: dict[str, Schema] = {
    "LoggedRequest": object_with(
        {
            "id": string("Its `X-Request-Id`."),
            "at": number("When it arrived: Unix time, seconds."),
            "caller": string("The key of the caller."),
            "account": or_null(string("The GitHub login that paid.")),
            "dialect": or_null(string("The API that the client spoke.")),
            "model": or_null(string()),
            "upstream": or_null(string("The API that was spoken to Copilot.")),
            "status": or_null(integer()),
            "outcome": string(
                "`ok`, `client_disconnected`, the kind of an error, or `interrupted`: the bridge ended first."
            ),
            "error": or_null(string("The message of the error.")),
            "ms": or_null(integer("The duration.")),
            "queue_ms": or_null(integer("The wait in the queue.")),
            "token_ms": or_null(integer("The wait for a Copilot token.")),
            "first_byte_ms": or_null(integer("The time to the first byte.")),
            "tokens_in": or_null(integer()),
            "tokens_out": or_null(integer()),
            "tokens_cached": or_null(integer("Those of `tokens_in` that came from the prompt cache.")),
            "cost": or_null(number("AI units.")),
            "nano_aiu": or_null(integer("The same in 1e-9 AI units.")),
            "estimated": or_null(
                integer("1: the cost is by the table of prices, 0: by Copilot's own words.")
            ),
            "verdict": or_null(
                string("The verdict on the prompt cache: `hit`, `first`, `model_changed`, ...")
            ),
            "verdict_detail": or_null(
                string("A detail of the verdict, such as the number of the changed message.")
            ),
            "lost_nano_aiu": or_null(integer("The extra cost of the cache miss, in 1e-9 AI units.")),
            "instead_of": or_null(string("The model that was refused, so that another one responded.")),
            "fallback_reason": or_null(string("The kind of that refusal.")),
            "premium": or_null(number("Premium requests.")),
            "session": or_null(string("A short name of the conversation.")),
            "discount": or_null(number("The part of the price that the model `auto` was cheaper by.")),
            "adaptations": or_null(
                string("What Copilot refused first, so that the bridge changed or removed it.")
            ),
            "mended": or_null(string("The former name of `adaptations`.")),
        },
        ("id", "at", "caller", "outcome"),
        "A request for a model, and its outcome.",
    ),
    "RequestList": object_with(
        {
            "data": list_of(ref("LoggedRequest")),
            "next": or_null(string("The value of `before` for the next page; null: this is the last one.")),
        },
        ("data", "next"),
    ),
}

# The filters of the log.
FILTERS = (
    query("from", string(), "The earliest time: Unix seconds, or ISO 8601, in UTC if it has no time zone."),
    query("to", string(), "The latest time; of a day or a minute its end."),
    query("key", string(), "Only requests of this key, by its name in the log."),
    query("model", string(), "Only requests to this model."),
    query("account", string(), "Only requests of this GitHub login."),
    query("session", string(), "Only requests of this conversation, by its name in the log."),
    query(
        "status",
        string(),
        "A status like `404`, or a class like `4xx`; or `ok`, `error` (all errors), `client`, `limit`, "
        "`upstream`, `broken`, `gone`, `internal`.",
    ),
    query("client", string(), "Only requests of this program."),
    query("who", string(), "`person`, or `agent`: who caused the request."),
    query("q", string(), "A part of the error, or the beginning of the request's id."),
)
# Those that sums can be restricted by.
USAGE_FILTERS = tuple(
    one for one in FILTERS if one["name"] in ("from", "to", "key", "model", "account", "client")
)
LIMIT = query("limit", integer("", 1, maximum=1000, default=50), "The number of rows on a page.")
MARKS = (
    query("before", string(), "The `next` of the previous page."),
    query("after", string(), "For a browser: the page with later requests."),
)

# The response of paths that have only a page.
A_PAGE = {200: Success("A page.", string(), kind=HTML)}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        route="GET /auth/device",
        id="showAccounts",
        summary="Log in to GitHub, and see who is logged in",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge auth`.",
        parameters=(query("look", string(), "Ask GitHub now whether its code has been entered."),),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /approvals",
        id="showApprovals",
        summary="List the requests that wait for approval",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge approvals`.",
        parameters=(query("said", string(), "The result of the last click: `yes`, `no`, `gone`."),),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /models/try",
        id="tryModels",
        summary="Try a model, or two side by side",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge ask`.",
        parameters=(
            query("model", string(), "The model."),
            query("other", string(), "A second model, beside the first."),
        ),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /keys",
        id="showKeys",
        summary="See the API keys, make and revoke them",
        about="To the operator. Its forms are for browsers; programs have `copilot-bridge keys`.",
        parameters=(
            query("q", string(), "A part of a name, an account, a model or a rate limit."),
            query("said", string(), "The result of the last form: `changed`, `revoked`, `gone`."),
            query("name", string(), "The key that the last form was about."),
        ),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /settings",
        id="showSettings",
        summary="See the settings in force, pauses and learned facts",
        about="To the operator. Secrets are not shown.",
        parameters=(query("said", string(), "The result of the last form: `ended`."),),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /usage.csv",
        id="exportUsage",
        summary="Return the sums of the usage page as a file",
        about="To the operator.",
        parameters=(
            query("range", string(), "`today`, `7d`, `period` or `30d`."),
            query("by", string(), "`model`, `key`, `client`, `conversation`, `account` or `hour`."),
            *USAGE_FILTERS,
        ),
        responses={200: Success("The sums.", string(), kind=CSV, headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /requests",
        id="listRequests",
        summary="List the request log",
        about="The newest first. The operator sees all of it, any other key its own requests. What was said "
        "is in none of them.",
        parameters=(*FILTERS, LIMIT, *MARKS),
        responses={200: Success("A page of the log.", ref("RequestList"), headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /requests/{number}",
        id="showRequest",
        summary="Show a request of the log",
        about="The operator may see each of them, any other key its own.",
        parameters=(
            in_path("number", string(), "Its `X-Request-Id`.", "0b5c1a52-8f3d-4c1e-9d5b-2f1f6f0c7a11"),
        ),
        responses={200: Success("The request.", ref("LoggedRequest"), headers=NO_STORE)},
        kinds=("not_found",),
        page=True,
    ),
    Endpoint(
        route="GET /requests.json",
        id="exportRequests",
        summary="Return the request log as a file",
        about="All that the filter leaves, in pieces, however long it is.",
        parameters=FILTERS,
        responses={200: Success("The log.", list_of(ref("LoggedRequest")), headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /requests.csv",
        id="exportRequestsAsTable",
        summary="Return the request log as a file for spreadsheets",
        about="The same as `/requests.json`, with a header, and the time in UTC as the first column.",
        parameters=FILTERS,
        responses={200: Success("The log.", string(), kind=CSV, headers=NO_STORE)},
        kinds=("invalid_request", "permission"),
        page=True,
    ),
    Endpoint(
        route="GET /setup",
        id="showSetup",
        summary="Get the lines that point a client at the bridge",
        about="To the operator. Programs have `copilot-bridge setup`.",
        parameters=(
            query("client", string(), "Its name, as `copilot-bridge setup` lists them."),
            query("model", string(), "An id of the catalogue.  Default: the client's usual model."),
            query(
                "system",
                string(),
                "`linux`, `linux-fish`, `macos`, `macos-fish`, `windows` or `windows-cmd`.",
            ),
        ),
        responses=A_PAGE,
        page=True,
    ),
    Endpoint(
        route="GET /docs",
        id="showDocs",
        summary="Show this description to people",
        responses=A_PAGE,
        security=ANYBODY,
        page=True,
    ),
)

DESCRIPTION = Description(
    "Pages", "The pages for people, and the data behind them for programs.", ENDPOINTS, SCHEMAS
)
