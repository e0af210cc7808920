"""The endpoints about the bridge itself."""

from copilot_bridge.dialects.description.endpoint import (
    ALL,
    ANYBODY,
    FROM_COPILOT,
    NO_STORE,
    TEXT,
    Description,
    Endpoint,
    Success,
    query,
)
from copilot_bridge.dialects.description.schemas import (
    constant,
    integer,
    list_of,
    number,
    object_with,
    one_of,
    passed_on,
    ref,
    string,
)
from copilot_bridge.dialects.responses.search_commands import COMMANDS, SETTINGS

# The requests whose price can be asked for.
ESTIMATED = ("Chat", "Responses", "Messages", "Gemini", "Completions", "OllamaChat", "OllamaGenerate")
PRICES = {
    "ai_units": number("Null: Copilot names no price."),
    "premium_requests": number("Null: the plan is billed by token."),
    "usd": number("At list price."),
}
PRICES = {name: {**schema, "type": ["number", "null"]} for name, schema in PRICES.items()}

SCHEMAS = {
    "Estimate": object_with(
        {
            "object": constant("estimate"),
            "model": string("The model that would respond."),
            "initiator": one_of("user", "agent"),
            "input_tokens": integer("Of the prompt, as the bridge counts them."),
            "output_tokens": integer("Assumed: 1,000, or the limit that the request sets."),
            "tier": {"type": ["string", "null"], "description": "`default`, or `long` for a long prompt."},
            **PRICES,
            "if_cached": object_with(
                PRICES, tuple(PRICES), "The same, if all of the prompt comes from a cache."
            ),
        },
        ("object", "model", "input_tokens", "output_tokens", *PRICES, "if_cached"),
    ),
    "About": object_with(
        {
            "name": constant("copilot-bridge"),
            "version": string(),
            "about": string(),
            "endpoints": list_of(string()),
        },
        ("name", "version", "about", "endpoints"),
    ),
    "Readiness": object_with(
        {
            "status": string("`ready` or `not ready`."),
            "state": string(
                "`starting`, `ready`, `waiting for GitHub`, `waiting for the store`, `login needed` or "
                "`paused`."
            ),
            "kind": string("Why not, for programs."),
            "store": string(
                "`read only` or `out of reach`, while requests are served without it; else left out."
            ),
            "reason": string("Why not, for people. To callers who may ask."),
            "since": number("Unix seconds. To callers who may ask."),
            "until": number("When it ends, or is looked at again; unix seconds. To callers who may ask."),
            "cooldowns": list_of(
                object_with({"what": string(), "until": number(), "message": string()}),
                "What Copilot has refused for a while. To callers who may ask.",
            ),
            "copilot": string("The Copilot host in use. To callers who may ask."),
            "percent_left": object_with({}, about="Of each quota. To callers who may ask.")
            | {"additionalProperties": number()},
        },
        ("status",),
    ),
    "Report": object_with(
        {
            "access_type_sku": string("The plan, as GitHub calls it."),
            "copilot_plan": string(),
            "quota_reset_date": string("The day on which the quotas are full again."),
            "quota_snapshots": object_with(
                {}, about="Each quota by its name: `entitlement`, `remaining`, ..."
            ),
        },
        about="As it comes from GitHub, whose fields differ from plan to plan.",
    ),
}

ENDPOINTS = (
    Endpoint(
        route="GET /",
        id="about",
        summary="Describe this service",
        responses={200: Success("Name, version, endpoints.", ref("About"))},
        security=ANYBODY,
        page=True,
    ),
    Endpoint(
        route="GET /healthz",
        id="isAlive",
        summary="Report whether the process is alive",
        responses={200: Success("It is.", object_with({"status": constant("alive")}, ("status",)))},
        security=ANYBODY,
    ),
    Endpoint(
        route="GET /readyz",
        id="isReady",
        summary="Report whether the service is ready",
        about="That is, whether there is a usable Copilot token. Needs no key; a caller with one sees more.",
        responses={
            200: Success("It can.", ref("Readiness")),
            503: Success("It is not ready; `kind` says why.", ref("Readiness")),
        },
        security=ANYBODY,
    ),
    Endpoint(
        route="GET /token",
        id="showToken",
        summary="Show the current Copilot token",
        about="To the operator of a bridge that was started with `--show-token`, and never to a web page; "
        "a 403 otherwise.",
        responses={
            200: Success("The token.", object_with({"token": string()}, ("token",)), headers=NO_STORE)
        },
        kinds=FROM_COPILOT,
    ),
    Endpoint(
        route="GET /usage",
        id="showUsage",
        summary="Show the remaining quotas of the plan",
        about="The same as `/usage.json`; to a browser, a page with what used it up as well.",
        parameters=(
            query("account", string(), "Of the page: the GitHub login that it is about."),
            query(
                "show", one_of("requests", "premium", "cost", "tokens"), "Of the page: what its chart shows."
            ),
            query("quota", string(), "Of the page: ask GitHub now."),
        ),
        page=True,
        responses={
            200: Success("GitHub's report on the account that pays.", ref("Report"), headers=NO_STORE)
        },
        kinds=(*FROM_COPILOT, "invalid_request"),
    ),
    Endpoint(
        route="GET /usage.json",
        id="reportUsage",
        summary="Report the remaining quotas of the plan",
        about="A minute old at the most. The account's name is for the operator, and for callers who came "
        "with a GitHub token of their own.",
        responses={
            200: Success("GitHub's report on the account that pays.", ref("Report"), headers=NO_STORE)
        },
        kinds=FROM_COPILOT,
    ),
    Endpoint(
        route="POST /estimate",
        id="estimate",
        prefixed=True,
        summary="Estimate what a request would cost",
        about="The body of a request of any API here, with its model; it is not sent.",
        body={"anyOf": [ref(f"{name}Request") for name in ESTIMATED]},
        examples={
            "Chat Completions": {
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": "Say hello."}],
            },
            "Responses": {"model": "gpt-5.3-codex", "input": "Say hello."},
        },
        responses={200: Success("The estimate.", ref("Estimate"))},
        dialects=("chat", "messages", "responses", "gemini", "ollama"),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /alpha/search",
        id="search",
        prefixed=True,
        summary="Search the web for Codex",
        about="Some versions of Codex make searches themselves. Of their commands `search_query` is known.",
        body=object_with(
            {
                "model": string("The model for which Codex searches."),
                "input": passed_on("The conversation so far."),
                "commands": COMMANDS.schema,
                "settings": SETTINGS.schema,
            },
            ("model", "commands"),
        ),
        examples={
            "A search": {"model": "gpt-5.3-codex", "commands": {"search_query": [{"q": "rain in Oslo"}]}}
        },
        responses={
            200: Success("What was found.", object_with({"output": string("For the model.")}, ("output",)))
        },
        kinds=ALL,
    ),
    Endpoint(
        route="GET /metrics",
        id="measure",
        summary="Return the bridge's metrics for Prometheus",
        about="To the operator.",
        responses={200: Success("Prometheus' text format.", string(), kind=TEXT)},
        kinds=("permission",),
    ),
    Endpoint(
        route="GET /openapi.json",
        id="describe",
        summary="Return this description",
        responses={
            200: Success(
                "OpenAPI 3.1.",
                object_with({"openapi": string(pattern=r"^3\.1\.")}, ("openapi", "info", "paths")),
            )
        },
        security=ANYBODY,
    ),
    Endpoint(
        route="GET /api/hello",
        id="hello",
        summary="Respond to Claude Code's check",
        about="Claude Code checks that the server is reachable.",
        responses={200: Success("Hello.", object_with({"message": constant("hello")}, ("message",)))},
        security=ANYBODY,
    ),
    Endpoint(
        route="POST /api/event_logging/batch",
        id="dropTelemetry",
        summary="Drop Claude Code's telemetry",
        about="The body is neither read nor sent on.",
        body=passed_on("Whatever it is."),
        examples={"One event": {"events": [{"event_type": "ClaudeCodeInternalEvent"}]}},
        responses={200: Success("Nothing.", object_with({}))},
        security=ANYBODY,
    ),
)

DESCRIPTION = Description(
    "The bridge", "Its state and usage, and paths that coding agents request besides.", ENDPOINTS, SCHEMAS
)
