"""The simulator refuses what Copilot refuses, and the same requests pass through the bridge.

Each case is a client's request.  Sent to Copilot as it is, it is refused (`refused`: the words); sent to the
bridge, it is answered.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Any

import pytest
import requests
from integration.dialects import DIALECTS, RESPONSES, UPSTREAM_PATHS
from integration.harness import Bridge, Json, Simulator, new_token
from PIL import Image

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
INPUT_IMAGE = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOL = {"name": "read", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "read", "parameters": SCHEMA}}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files."}
SPAWN = {"type": "function", "name": "spawn_agent", "parameters": SCHEMA}
FUNCTION_LOOP = (
    {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "done"},
)
FLAT = {"type": "function", "name": "read", "parameters": SCHEMA}
CUSTOM_LOOP = (
    {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
)
PLAIN = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def assistant(content: Any) -> Json:
    return {"role": "assistant", "content": content}


def system(content: Any) -> Json:
    return {"role": "system", "content": content}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def call(id_: str = "toolu_1") -> Json:
    return {"type": "tool_use", "id": id_, "name": "read", "input": {}}


def result(id_: str = "toolu_1") -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": "done"}


def drawn(width: int, height: int) -> Json:
    out = BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return shown(out.getvalue())


def shown(png: bytes) -> Json:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png).decode()}
    return {"type": "image", "source": source}


def heavy() -> Json:
    """5.4 MB of noise."""
    out = BytesIO()
    image = Image.frombytes("RGB", (1500, 1200), Random(1).randbytes(1500 * 1200 * 3))
    image.save(out, "PNG", compress_level=0)
    return shown(out.getvalue())


def size_of(block: Json) -> tuple[int, int]:
    image = Image.open(BytesIO(base64.b64decode(block["source"]["data"])))
    return image.size


def messages(model: str, *history: Json, **more: Any) -> Json:
    return {"model": model, "max_tokens": 4000, "messages": [user("hello MARK"), *history], **more}


def chat(model: str, *history: Json, **more: Any) -> Json:
    return {"model": model, "messages": [user("hello MARK"), *history], **more}


def responses(model: str, *items: Json, **more: Any) -> Json:
    return {"model": model, "input": [user("hello MARK"), *items], "store": False, **more}


def called(id_: str) -> Json:
    function = {"name": "read", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": id_, "type": "function", "function": function}],
    }


def tool(id_: str) -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": "done"}


def namespace(name: str, description: str) -> Json:
    return {"type": "namespace", "name": name, "description": description, "tools": [SPAWN]}


def at(*path: Any) -> Callable[[Json], Any]:
    """What stands there in a body; None: nothing."""

    def found(body: Any) -> Any:
        for step in path:
            try:
                body = body[step]
            except (LookupError, TypeError):
                return None
        return body

    return found


NOTE = "<system-reminder>\nBe brief.\n</system-reminder>"


@dataclass(frozen=True)
class Case:
    """:param client: its dialect, which is upstream's, too.  :param look, sees: at what is sent on."""

    client: str
    body: Json
    refused: str
    look: Callable[[Json], Any]
    sees: Any
    headers: dict[str, str] = field(default_factory=dict)


def m(body: Json, refused: str, look: Callable[[Json], Any], sees: Any, **headers: str) -> Case:
    return Case("messages", body, refused, look, sees, headers)


def c(body: Json, refused: str, look: Callable[[Json], Any], sees: Any) -> Case:
    return Case("chat", body, refused, look, sees)


def r(body: Json, refused: str, look: Callable[[Json], Any], sees: Any) -> Case:
    return Case("responses", body, refused, look, sees)


HEAVY = heavy()
FORM = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    },
}
BUDGET = {"type": "enabled", "budget_tokens": 2000}
LOOP = (assistant([call()]), user([result()]))
HISTORY = (assistant("hi"), user("and now?"))
EFFORT = at("output_config", "effort")
LAST = at("messages", -1, "content", 0, "text")


CASES = {
    # Thinking and efforts.
    "enabled, to one that thinks adaptively": m(
        messages("claude-opus-4.8", thinking=BUDGET),
        "thinking.type.enabled",
        at("thinking", "type"),
        "adaptive",
    ),
    "enabled, to sonnet 5": m(
        messages("claude-sonnet-5", thinking=BUDGET),
        "thinking.type.enabled",
        at("thinking", "type"),
        "adaptive",
    ),
    "adaptive, to one with a budget": m(
        messages("claude-haiku-4.5", thinking={"type": "adaptive"}),
        "adaptive thinking is not supported",
        at("thinking", "type"),
        "enabled",
    ),
    "off, and as hard as can be": m(
        messages("claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "max"}),
        "when thinking is disabled",
        EFFORT,
        "high",
    ),
    "off, and nearly as hard": m(
        messages("claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "xhigh"}),
        "when thinking is disabled",
        at("thinking"),
        {"type": "disabled"},
    ),
    "xhigh, to one without": m(
        messages("claude-sonnet-4.6", output_config={"effort": "xhigh"}),
        "supported values: [low medium high max]",
        EFFORT,
        "high",
    ),
    "an effort, to haiku": m(
        messages("claude-haiku-4.5", output_config={"effort": "high"}),
        "does not support",
        at("output_config"),
        None,
    ),
    "none, to gpt-5-mini": r(
        responses("gpt-5-mini", reasoning={"effort": "none"}),
        "Unsupported value: 'none'",
        at("reasoning", "effort"),
        "minimal",
    ),
    "max, to a codex": r(
        responses("gpt-5.3-codex", reasoning={"effort": "max"}),
        "Unsupported value: 'max'",
        at("reasoning", "effort"),
        "xhigh",
    ),
    "max, in chat": c(
        chat("gpt-5-mini", reasoning_effort="max"), "does not support 'max'", at("reasoning_effort"), "high"
    ),
    # A tool loop that has begun without a thought.
    "a budget in the middle of a loop": m(
        messages("claude-sonnet-4.5", *LOOP, thinking=BUDGET, tools=[TOOL]),
        "Expected `thinking`",
        at("thinking"),
        None,
    ),
    "the same, with a reminder beside the result": m(
        messages(
            "claude-haiku-4.5",
            assistant([text("I look."), call()]),
            user([result(), text("<system-reminder>x</system-reminder>")]),
            thinking=BUDGET,
            tools=[TOOL],
        ),
        "Expected `thinking`",
        at("thinking"),
        None,
    ),
    "the same in chat": c(
        chat(
            "claude-sonnet-4.5",
            called("c1"),
            tool("c1"),
            thinking_budget=2000,
            max_tokens=4000,
            tools=[FUNCTION],
        ),
        "Expected `thinking`",
        at("thinking_budget"),
        None,
    ),
    # The system, between the turns.
    "the system speaks, and the model does not take it": m(
        messages("claude-sonnet-4.6", *HISTORY, system("Be brief.")), "Unexpected role", LAST, NOTE
    ),
    "the system speaks in blocks": m(
        messages("claude-haiku-4.5", *HISTORY, system([text("Be brief.", cache_control=PLAIN)])),
        "Unexpected role",
        at("messages", -1, "content", 0),
        text(NOTE, cache_control=PLAIN),
    ),
    "after an assistant's turn": m(
        messages("claude-opus-5", assistant("hi"), system("Be brief."), user("and now?")),
        "must follow a 'user' message",
        at("messages", 2, "content", 0, "text"),
        NOTE,
    ),
    "before a user's turn": m(
        messages("claude-sonnet-5", system("Be brief."), user("and now?")),
        "must precede",
        at("messages", 1, "role"),
        "user",
    ),
    "between a call and its result": m(
        messages("claude-opus-4.8", assistant([call()]), system("Be brief."), user([result()]), tools=[TOOL]),
        "must follow a 'user' message",
        at("messages", 2, "content", 0, "type"),
        "tool_result",
    ),
    # An assistant's turn at the end.
    "the answer's beginning": m(
        messages("claude-opus-4.6", assistant("half")), "assistant message prefill", LAST, "Please continue."
    ),
    "the answer's beginning in chat": c(
        chat("claude-opus-4.6", assistant("half")),
        "assistant message prefill",
        at("messages", -1, "content"),
        "Please continue.",
    ),
    "a beginning, and thinking by budget": m(
        messages("claude-haiku-4.5", assistant("half"), thinking=BUDGET),
        "can't be enabled",
        at("thinking"),
        None,
    ),
    # The prompt cache.
    "an hour, to one that has none": m(
        messages("claude-sonnet-4.6", user([text("x", cache_control=HOUR)])),
        "ephemeral.ttl: Extra inputs",
        at("messages", -1, "content", 0, "cache_control"),
        {"type": "ephemeral"},
    ),
    "an hour, without its beta": m(
        messages("claude-opus-5", user([text("x", cache_control=HOUR)])),
        "ephemeral.ttl: Extra inputs",
        at("messages", -1, "content", 0, "cache_control"),
        HOUR,
    ),
    # Betas, by the catalogue's word.
    "a managed context": m(
        messages("claude-sonnet-5", context_management={"edits": []}),
        "context_management: Extra inputs",
        at("context_management"),
        {"edits": []},
    ),
    "tools that are found by a search": m(
        messages("claude-sonnet-4.6", tools=[TOOL, TOOL | {"name": "write", "defer_loading": True}]),
        "defer_loading: Extra inputs",
        at("tools", 1, "defer_loading"),
        True,
    ),
    "the same, where there is no search": m(
        messages("claude-haiku-4.5", tools=[TOOL, TOOL | {"name": "write", "defer_loading": True}]),
        "defer_loading: Extra inputs",
        at("tools", 1, "defer_loading"),
        None,
    ),
    "a search of the web": m(
        messages("claude-sonnet-5", tools=[TOOL, {"type": "web_search_20250305", "name": "web_search"}]),
        "web search tool is not supported",
        at("tools", 1, "type"),
        None,
    ),
    # Images.
    "more images than Claude takes": m(
        messages("claude-sonnet-5", *[user([IMAGE])] * 22),
        "too many images",
        at("messages", 1, "content", 0, "type"),
        "text",
    ),
    "more images from tools": m(
        messages(
            "claude-opus-4.8",
            *[
                message
                for n in range(21)
                for message in (
                    assistant([call(f"toolu_{n}")]),
                    user([result(f"toolu_{n}") | {"content": [IMAGE]}]),
                )
            ],
            tools=[TOOL],
        ),
        "too many images",
        at("messages", 2, "content", 0, "content", 0, "type"),
        "text",
    ),
    "more images than Gemini takes": c(
        chat("gemini-3.6-flash", *[user([IMAGE_URL])] * 12),
        "too many images",
        at("messages", 1, "content", 0, "type"),
        "text",
    ),
    "an image with more pixels than Claude takes": m(
        messages("claude-sonnet-5", user([drawn(9000, 8)])),
        "image dimensions exceed max allowed size: 8000 pixels",
        lambda body: size_of(body["messages"][1]["content"][0]),
        (8000, 7),
    ),
    "an image with more bytes than Claude takes": m(
        messages(
            "claude-sonnet-5", assistant([call()]), user([result() | {"content": [HEAVY]}]), tools=[TOOL]
        ),
        "image exceeds 5 MB maximum",
        lambda body: len(body["messages"][2]["content"][0]["content"][0]["source"]["data"]) < 4_000_000,
        True,
    ),
    # Tools.
    "another's ids, to Kimi": c(
        chat(
            "kimi-k2.7-code",
            called("toolu_1"),
            tool("toolu_1"),
            called("call_2"),
            tool("call_2"),
            tools=[FUNCTION],
        ),
        "tool_call_id toolu_1 is invalid",
        at("messages", 4, "tool_call_id"),
        "functions.read:1",
    ),
    "another temperature, to Kimi": c(
        chat("kimi-k2.7-code", temperature=0), "only 1 is allowed", at("temperature"), 1
    ),
    "a top_p of its own, to Kimi": c(chat("kimi-k2.7-code", top_p=0.5), "only 0.95", at("top_p"), 0.95),
    "a reserved namespace": r(
        responses(
            "gpt-5.6-sol",
            tools=[{"type": "namespace", "name": "collaboration", "description": "x", "tools": [SPAWN]}],
        ),
        "is reserved",
        at("tools", 0, "name"),
        "client_collaboration",
    ),
    "a namespace that nobody describes": r(
        responses(
            "gpt-5.5", tools=[{"type": "namespace", "name": "functions", "description": "", "tools": [SPAWN]}]
        ),
        "empty string",
        at("tools", 0, "description"),
        "functions",
    ),
    "a free-form tool, to one that takes none": r(
        responses("mai-code-1-flash", tools=[PATCH]),
        "internal server error",
        at("tools", 0, "type"),
        "function",
    ),
    "its calls in the history": r(
        responses("mai-code-1-flash", *CUSTOM_LOOP, user("go on"), tools=[PATCH]),
        "internal server error",
        at("input", 1, "arguments"),
        '{"input":"*** Begin"}',
    ),
    # Ids, texts, media types, schemas and stop sequences, whatever the model.
    "an id of another provider's": m(
        messages(
            "claude-sonnet-5", assistant([call("functions.read:0")]), user([result("functions.read:0")])
        ),
        "String should match pattern",
        lambda body: ":" in body["messages"][1]["content"][0]["id"],
        False,
    ),
    "what an answer says of itself": m(
        messages(
            "claude-sonnet-5", assistant("hi") | {"id": "msg_1", "stop_reason": "end_turn"}, user("go on")
        ),
        "messages.1.id: Extra inputs are not permitted",
        lambda body: body["messages"][1].keys(),
        {"role", "content"},
    ),
    "a block's place in a stream": m(
        messages("claude-sonnet-5", assistant([text("hi") | {"index": 0}]), user("go on")),
        "messages.1.content.0.text.index: Extra inputs are not permitted",
        at("messages", 1, "content", 0, "index"),
        None,
    ),
    "what an SDK has read in a text": m(
        messages("claude-sonnet-5", assistant([text("{}") | {"parsed_output": None}]), user("go on")),
        "messages.1.content.0.text.parsed_output: Extra inputs are not permitted",
        lambda body: "parsed_output" in body["messages"][1]["content"][0],
        False,
    ),
    "who has called": m(
        messages(
            "claude-sonnet-5",
            assistant([call() | {"caller": {"type": "direct"}, "partial_json": "{}"}]),
            user([result() | {"index": 0}]),
            tools=[TOOL],
        ),
        "messages.1.content.0.tool_use.caller: Extra inputs are not permitted",
        lambda body: body["messages"][1]["content"][0].keys() - {"cache_control"},
        {"type", "id", "name", "input"},
    ),
    "a mark on a thought": m(
        messages(
            "claude-sonnet-5",
            assistant([{"type": "redacted_thinking", "data": "x", "cache_control": {"type": "ephemeral"}}]),
            user("go on"),
        ),
        "messages.1.content.0.redacted_thinking.cache_control: Extra inputs are not permitted",
        lambda body: "redacted_thinking" in json.dumps(body),
        False,
    ),
    "white space": m(
        messages("claude-sonnet-5", assistant([text(" ")]), user("and now?")),
        "non-whitespace text",
        at("messages", 1, "role"),
        "user",
    ),
    "a media type that is none": m(
        messages(
            "claude-sonnet-5", user([IMAGE | {"source": IMAGE["source"] | {"media_type": "image/jpg"}}])
        ),
        "media_type: Input should be",
        at("messages", 1, "content", 0, "source", "media_type"),
        "image/png",
    ),
    "a union at a schema's root": m(
        messages(
            "claude-sonnet-5", tools=[TOOL | {"input_schema": SCHEMA | {"anyOf": [{"required": ["path"]}]}}]
        ),
        "does not support oneOf",
        at("tools", 0, "input_schema", "anyOf"),
        None,
    ),
    "an answer's schema with limits": m(
        messages("claude-opus-4.6", output_config={"format": FORM}),
        "For 'integer' type, property 'minimum' is not supported",
        at("output_config", "format", "schema", "properties", "n"),
        {"type": "integer", "description": "{minimum: 1}"},
    ),
    "an answer's schema that is not closed": m(
        messages("claude-opus-4.6", output_config={"format": FORM | {"schema": SCHEMA}}),
        "'additionalProperties' must be explicitly set to false",
        at("output_config", "format", "schema", "additionalProperties"),
        False,
    ),
    "an answer's schema under its old name": m(
        messages("claude-opus-4.6", output_format=FORM),
        "output_format: Extra inputs are not permitted",
        at("output_config", "format", "schema", "properties", "n", "type"),
        "integer",
    ),
    "more stop sequences than OpenAI takes": c(
        chat("gpt-4.1", stop=list("ABCDEF")), "array too long", lambda body: len(body["stop"]), 4
    ),
    "a function without properties": r(
        responses("gpt-5.5", tools=[{"type": "function", "name": "b", "parameters": {"type": "object"}}]),
        "object schema missing properties",
        at("tools", 0, "parameters", "properties"),
        {},
    ),
    "a long id of a call": r(
        responses(
            "gpt-5.5",
            *({**item, "call_id": "c" * 86} for item in FUNCTION_LOOP),
            user("go on"),
            tools=[FLAT],
        ),
        "string too long",
        lambda body: len(body["input"][1]["call_id"]) <= 64,
        True,
    ),
}


class Copilot:
    """Copilot's API without the bridge, as a client with the right headers reaches it."""

    def __init__(self, simulator: Simulator) -> None:
        self._url = simulator.url
        headers = {"Authorization": f"Bearer {new_token().replace('ghu_', 'gho_', 1)}"}
        self._headers = headers | {
            "Copilot-Integration-Id": "copilot-developer-cli",
            "Copilot-Vision-Request": "true",
        }

    def ask(self, case: Case, mark: str) -> requests.Response:
        headers = self._headers | case.headers
        return requests.post(
            self._url + UPSTREAM_PATHS[case.client], json=marked(case, mark), headers=headers, timeout=20
        )


def marked(case: Case, mark: str) -> Json:
    given: Json = json.loads(json.dumps(case.body).replace("MARK", mark))
    return given


@pytest.fixture(scope="module")
def copilot(simulator: Simulator) -> Copilot:
    return Copilot(simulator)


@pytest.mark.parametrize("name", CASES)
def test_bodies_that_copilot_refuses_pass_through_the_bridge(
    bridge: Bridge, simulator: Simulator, copilot: Copilot, mark: str, name: str
) -> None:
    case = CASES[name]
    refused = copilot.ask(case, f"{mark}alone")
    assert (
        refused.status_code // 100 in (4, 5),
        case.refused in json.loads(json.dumps(refused.text)).replace('\\"', '"'),
    ) == (True, True), refused.text
    response = DIALECTS[case.client].post(bridge, marked(case, f"{mark}bridged"), **case.headers)
    assert response.status == 200, response.body
    sent = simulator.ledger(f"{mark}bridged")[-1][
        "body"
    ]  # that some learn from a refusal is tested elsewhere
    assert case.look(sent) == case.sees


TRANSLATED = {
    "responses, in a loop without a thought": (
        "responses",
        responses("claude-sonnet-4.5", *FUNCTION_LOOP, reasoning={"effort": "medium"}, tools=[FLAT]),
        at("thinking"),
        None,
    ),
    "responses, at a person's turn": (
        "responses",
        responses(
            "claude-sonnet-4.5",
            *FUNCTION_LOOP,
            assistant("done"),
            user("go on"),
            reasoning={"effort": "medium"},
            tools=[FLAT],
        ),
        at("thinking", "type"),
        "enabled",
    ),
    "chat, with the answer's beginning": (
        "chat",
        chat("claude-opus-4.6-fast", assistant("half")),
        at("messages", -1, "content", 0, "text"),
        "Please continue.",
    ),
    "responses, with the answer's beginning": (
        "responses",
        responses("claude-opus-4.6", assistant("half")),
        at("messages", -1, "content", 0, "text"),
        "Please continue.",
    ),
    "responses, with too many images": (
        "responses",
        responses("claude-sonnet-5", *[user([INPUT_IMAGE])] * 21),
        at("messages", 0, "content", 1, "type"),
        "text",
    ),
    "messages, an effort that gpt-5-mini has": (
        "messages",
        messages("gpt-5-mini", output_config={"effort": "minimal"}),
        at("reasoning", "effort"),
        "minimal",
    ),
    "messages, to Kimi": (
        "messages",
        messages("kimi-k2.7-code", *LOOP, tools=[TOOL]),
        at("messages", 2, "tool_call_id"),
        "functions.read:0",
    ),
    "responses, marks for the prompt cache": (
        "responses",
        responses("claude-sonnet-5", instructions="Be brief.", tools=[FLAT]),
        lambda body: [
            at(*path)(body) for path in (("tools", 0), ("system", 0), ("messages", 0, "content", 0))
        ],
        [
            {"name": "read", "description": "", "input_schema": SCHEMA, "cache_control": PLAIN},
            text("Be brief.", cache_control=PLAIN),
            text("hello MARK", cache_control=PLAIN),
        ],
    ),
    "responses, a managed context that would end a cache": (
        "responses",
        responses("gpt-5.6-terra", context_management=[{"type": "compaction"}], prompt_cache_key="k"),
        at("context_management"),
        None,
    ),
}


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_facts_hold_for_every_client(bridge: Bridge, simulator: Simulator, mark: str, name: str) -> None:
    client, body, look, sees = TRANSLATED[name]
    case = Case(client, body, "", look, sees)
    response = DIALECTS[client].post(bridge, marked(case, mark))
    assert response.status == 200, response.body
    sent = json.loads(json.dumps(simulator.only(mark)["body"]).replace(mark, "MARK"))
    assert look(sent) == sees


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["mai-code-1-flash", "gpt-5.5"])
def test_a_client_hears_of_its_own_tools_alone(
    bridge: Bridge, mark: str, model: str, *, stream: bool
) -> None:
    tools = [PATCH, namespace("collaboration", "Agents.")]
    for name, kind in (("apply_patch", "custom_tool_call"), ("spawn_agent", "function_call")):
        body = RESPONSES.body(f"call {name} {mark}", model, tools=tools)
        if stream:
            last = RESPONSES.events(RESPONSES.frames(bridge, f"call {name} {mark}", model, tools=tools))[-1]
            response = last["response"]
        else:
            response = RESPONSES.post(bridge, body).json
        call_ = response["output"][-1]
        assert (call_["type"], call_["name"]) == (kind, name)
        assert call_.get("namespace") == ("collaboration" if name == "spawn_agent" else None)
        assert [tool.get("name") for tool in response["tools"]] == ["apply_patch", "collaboration"]
        if kind == "custom_tool_call":
            assert mark in call_["input"]
            assert "arguments" not in call_


@pytest.mark.parametrize(
    ("client", "field", "body"),
    [
        ("chat", "reasoning_effort", chat("claude-opus-5", reasoning_effort="bogus")),
        ("messages", "output_config.effort", messages("claude-opus-5", output_config={"effort": "bogus"})),
        ("responses", "reasoning.effort", responses("gpt-5.5", reasoning={"effort": "bogus"})),
    ],
)
def test_an_unknown_effort_is_refused(bridge: Bridge, client: str, field: str, body: Json) -> None:
    response = DIALECTS[client].post(bridge, body)
    assert response.status == 400
    message = DIALECTS[client].error(response)["message"]
    assert message == f"{field}: expected none, minimal, low, medium, high, xhigh or max"
