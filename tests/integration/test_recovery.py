"""A request that Copilot refuses is changed and sent once more, and the lesson is remembered.

Each test's caller has an account of its own: what is learned is learned about one.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest
from integration.dialects import ALL_DIALECTS, CHAT, DIALECTS, MESSAGES, RESPONSES, Dialect
from integration.harness import PATIENCE, Bridge, Json, Response, Simulator, Start, new_token

OPUS, SONNET, CODEX, GPT = "claude-opus-4.6-fast", "claude-sonnet-4.5", "gpt-5.3-codex", "gpt-4.1"
SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
ROWS: Json = {"type": "array", "items": SCHEMA}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


KEYS = [f"share-{number:03}-{secrets.token_hex(8)}" for number in range(150)]


@pytest.fixture(scope="module")
def shared(_launch: Start) -> Iterator[Bridge]:
    bridge = _launch(server="gevent", share_token=",".join(f"{key}:{new_token()}" for key in KEYS), rest=0)
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    return iter(KEYS)


class Caller:
    """One with an account of its own."""

    def __init__(self, bridge: Bridge, key: str) -> None:
        self.bridge = bridge
        self.key = {"Authorization": f"Bearer {key}"}

    def post(self, dialect: Dialect, body: Json) -> Response:
        return dialect.post(self.bridge, body, **self.key)

    def said(self, dialect: Dialect, body: Json, *, stream: bool) -> str:
        """The text of the response, after a look at its form."""
        if not stream:
            response = self.post(dialect, body)
            assert response.status == 200, response.body
            return dialect.text(response.json)
        opened = dialect.ask(self.bridge, body, **self.key)
        assert opened.status == 200, opened.response().body
        frames = opened.all()
        opened.close()
        return dialect.well_ended(frames)


@pytest.fixture
def caller(shared: Bridge, keys: Iterator[str]) -> Caller:
    return Caller(shared, next(keys))


def bodies(simulator: Simulator, mark: str) -> list[Json]:
    return [entry["body"] for entry in simulator.ledger(mark)]


def with_form(dialect: Dialect, text: str, model: str, schema: Json, **more: Any) -> Json:
    """A request for a response of that form."""
    forms: dict[str, Json] = {
        "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        "responses": {"text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}},
        "gemini": {
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
        },
        "ollama": {"format": schema},
    }
    return dialect.body(text, model, **forms[dialect.name], **more)


THINK: dict[str, Json] = {
    "chat": {"reasoning_effort": "high"},
    "messages": {"thinking": {"type": "adaptive"}},
    "responses": {"reasoning": {"effort": "high"}},
    "gemini": {},  # it would stand where the form does
    "ollama": {"think": "high"},
}
FORMS = {
    "chat": "response_format",
    "messages": "output_config.format",
    "responses": "text.format",
    "gemini": "generationConfig.response",
    "ollama": "format",
}
REFUSED = "[[sim:extra-inputs field=output_config.format]]"


WAYS = [
    (OPUS, REFUSED),
    (GPT, "[[sim:refuse name=no-response-format]]"),
    (CODEX, "[[sim:refuse name=no-text-format]]"),
]


@STREAMED
@pytest.mark.parametrize(("model", "refused"), WAYS)
@pytest.mark.parametrize("dialect", ALL_DIALECTS.values(), ids=list(ALL_DIALECTS))
def test_a_response_has_the_form_that_its_backend_does_not_know(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, model: str, refused: str, stream: bool
) -> None:
    more = THINK[dialect.name] if model == OPUS else {}
    body = with_form(dialect, f"{refused} the weather {mark}", model, SCHEMA, **more)
    responses = [json.loads(caller.said(dialect, body, stream=stream)) for _ in range(2)]
    for response in responses:
        assert response.keys() == {"city", "degrees"}
        assert isinstance(response["degrees"], int)
    first, second, third = bodies(simulator, mark)  # from then on it is asked for so at once
    assert "city" in json.dumps([first.get(name) for name in ("output_config", "response_format", "text")])
    for sent in (second, third):
        assert not sent.keys() & {"thinking", "response_format"}
        assert "format" not in sent.get("output_config", sent.get("text", {}))
        assert {} not in (sent.get("output_config"), sent.get("text"))
        (tool,) = sent["tools"]
        assert '"required": ["city", "degrees"]' in json.dumps(tool)
        assert "bridge_final_answer" in json.dumps(sent["tool_choice"])


@STREAMED
@pytest.mark.parametrize("dialect", ALL_DIALECTS.values(), ids=list(ALL_DIALECTS))
def test_the_clients_tools_are_called_before_the_response(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, stream: bool
) -> None:
    """Another wording of the refusal; and a turn that has tools of its own."""
    plan = json.dumps([{"tool": "look", "arguments": {"path": "/"}}])
    text = f"[[sim:refuse name=vertex-partner once={mark}]] [[sim:plan]] {plan} {mark}"
    body = with_form(dialect, text, OPUS, SCHEMA, tools=[dialect.tool("look")], stream=stream)
    response = caller.post(dialect, body)
    assert response.status == 200, response.body
    assert b"look" in response.body
    assert b"final_answer" not in response.body
    sent = bodies(simulator, mark)[-1]
    assert sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert sent["tools"][0]["name"] == "look"


@STREAMED
@pytest.mark.parametrize(
    ("model", "refused"), [(OPUS, REFUSED), (GPT, "[[sim:refuse name=no-response-format]]")]
)
@pytest.mark.parametrize("dialect", ALL_DIALECTS.values(), ids=list(ALL_DIALECTS))
def test_a_form_that_can_not_be_had_is_refused_by_name(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, model: str, refused: str, stream: bool
) -> None:
    """A tool's input is an object, and no list."""
    for _ in range(2):  # the second time, too: nothing is remembered
        response = caller.post(dialect, with_form(dialect, f"{refused} {mark}", model, ROWS, stream=stream))
        assert response.status == 400
        assert FORMS[dialect.name] in dialect.error(response)["message"]
    assert len(bodies(simulator, mark)) == 2


@STREAMED
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_a_refused_tool_choice_is_named(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, stream: bool
) -> None:
    choice = {"type": "any"} if dialect is MESSAGES else "required"
    text = f"[[sim:refuse name=tool-choice-required]] {mark}"
    tools = [dialect.tool("look")]
    response = caller.post(dialect, dialect.body(text, GPT, tools=tools, tool_choice=choice, stream=stream))
    assert response.status == 400
    assert "tool_choice" in dialect.error(response)["message"]
    assert len(bodies(simulator, mark)) == 1


@STREAMED
@pytest.mark.parametrize("dialect", [CHAT, MESSAGES], ids=["chat", "messages"])
@pytest.mark.parametrize("model", [OPUS, SONNET])
def test_stop_sequences_that_are_refused_are_cut_here(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, model: str, stream: bool
) -> None:
    field = "stop" if dialect is CHAT else "stop_sequences"
    refused = (
        "extra-inputs field=stop_sequences" if (model, dialect) != (SONNET, CHAT) else "refuse name=no-stop"
    )
    body = dialect.body(f"[[sim:{refused}]] [[sim:say]] one {mark} END two", model, **{field: ["END"]})
    for _ in range(2):
        assert caller.said(dialect, body, stream=stream) == f"one {mark} "
    first, *others = bodies(simulator, mark)
    assert first.keys() & {"stop", "stop_sequences"}
    assert len(others) == 2
    assert not any(body.keys() & {"stop", "stop_sequences"} for body in others)


# Sessions that would be refused for ever.


def thinking_turn(caller: Caller, dialect: Dialect, mark: str) -> list[Json]:
    """A conversation with a thought of Codex' in it, as a client keeps it."""
    body = dialect.body(f"[[sim:think]] hello {mark}first", CODEX, **THINK[dialect.name], max_tokens=4000)
    if dialect is RESPONSES:
        body["max_output_tokens"] = body.pop("max_tokens")
    response = caller.post(dialect, body)
    assert response.status == 200, response.body
    history: list[Json] = body.get("input") or body["messages"]
    if dialect is RESPONSES:
        return [*history, *response.json["output"]]
    message = response.json["choices"][0]["message"] if dialect is CHAT else response.json
    return [*history, {"role": "assistant"} | {k: v for k, v in message.items() if k in KEPT}]


KEPT = ("content", "reasoning_content", "reasoning_opaque")


def go_on(caller: Caller, dialect: Dialect, history: list[Json], text: str, *, stream: bool) -> str:
    body = dialect.body(text, CODEX, **THINK[dialect.name])
    field = "input" if dialect is RESPONSES else "messages"
    body |= {field: [*history, *body[field]], dialect.limit: 4000}
    return caller.said(dialect, body, stream=stream)


def kinds(body: Json) -> list[Any]:
    return [item.get("type", "message") for item in body["input"]]


@STREAMED
@pytest.mark.parametrize("name", ["encrypted-content", "encrypted-item-id", "item-id-400"])
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_a_thought_that_can_not_be_verified_is_left_out_once(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect, name: str, stream: bool
) -> None:
    history = thinking_turn(caller, dialect, mark)
    assert go_on(caller, dialect, history, f"[[sim:refuse name={name}]] more {mark}second", stream=stream)
    first, second = bodies(simulator, f"{mark}second")
    assert kinds(first) == ["message", "reasoning", "message", "message"]
    assert kinds(second) == ["message", "message", "message"]
    assert go_on(caller, dialect, history, f"and so on {mark}third", stream=stream)
    assert kinds(bodies(simulator, f"{mark}third")[0]) == kinds(first), (
        "it was this session's, not the model's"
    )


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_ids_that_copilot_would_refuse_are_not_sent(
    caller: Caller, simulator: Simulator, mark: str, dialect: Dialect
) -> None:
    """It gives out some of several hundred characters."""
    history = thinking_turn(caller, dialect, mark)
    assert go_on(caller, dialect, history, f"more {mark}second", stream=False)
    (sent,) = bodies(simulator, f"{mark}second")
    assert kinds(sent) == ["message", "reasoning", "message", "message"]
    assert all(len(str(item.get("id", ""))) <= 64 for item in sent["input"])


@pytest.mark.parametrize("item", ["reasoning", "message", "function_call"])
def test_a_clients_own_long_ids_are_not_sent(
    caller: Caller, simulator: Simulator, mark: str, item: str
) -> None:
    call: Json = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    items: dict[str, list[Json]] = {
        "reasoning": [thinking_turn(caller, RESPONSES, mark)[1]],
        "message": [{"type": "message", "role": "assistant", "content": "hi"}],
        "function_call": [call, {"type": "function_call_output", "call_id": "c1", "output": "ok"}],
    }
    history = [{**output_item, "id": "i" * 400} for output_item in items[item]]
    assert go_on(caller, RESPONSES, [*history], f"more {mark}second", stream=False)
    (sent,) = bodies(simulator, f"{mark}second")
    assert not any("id" in item for item in sent["input"])


THOUGHT: Json = {"type": "thinking", "thinking": "hm", "signature": "EqQBnobodys"}
USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"path": "/"}}


@STREAMED
def test_thinking_that_can_not_be_modified(
    caller: Caller, simulator: Simulator, mark: str, stream: bool
) -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"ok {mark}"}
    again = {"type": "text", "text": "[[sim:refuse name=thinking-modified]] go on"}
    body = MESSAGES.body("hello", OPUS, tools=[MESSAGES.tool("look")], thinking={"type": "adaptive"})
    body["messages"] += [
        {"role": "assistant", "content": [THOUGHT, USE]},
        {"role": "user", "content": [result, again]},
    ]
    assert caller.said(MESSAGES, body, stream=stream)
    first, second = bodies(simulator, mark)
    assert [block["type"] for block in first["messages"][1]["content"]] == ["thinking", "tool_use"]
    assert [block["type"] for block in second["messages"][1]["content"]] == ["tool_use"]


# What is left out.


@STREAMED
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("messages.0.content.0.text.foo", {"messages": "foo"}),
        ("system.0.text.foo", {"system": [{"type": "text", "text": "Be brief.", "foo": 1}]}),
        ("tools.0.custom.cache_hint", {"tools": [{**MESSAGES.tool("look"), "cache_hint": 1}]}),
        ("output_config.verbosity", {"output_config": {"verbosity": "low"}}),
    ],
)
def test_a_field_is_found_past_the_names_of_variants(
    caller: Caller, simulator: Simulator, mark: str, path: str, more: Json, stream: bool
) -> None:
    part: Json = {"type": "text", "text": f"[[sim:extra-inputs field={path}]] hello {mark}"}
    body = MESSAGES.body([part | ({"foo": 1} if "messages" in more else {})], OPUS)
    body |= {key: value for key, value in more.items() if key != "messages"}
    for _ in range(2):
        assert mark in caller.said(MESSAGES, body, stream=stream)
    sent = bodies(simulator, mark)
    name = path.rpartition(".")[2]
    assert [f'"{name}"' in json.dumps(body) for body in sent] == [True, False, False]
    assert not any(body.get("output_config") == {} for body in sent)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_the_log_names_what_was_left_out(caller: Caller, mark: str, dialect: Dialect) -> None:
    history = thinking_turn(caller, dialect, mark)
    body = dialect.body(f"[[sim:refuse name=encrypted-content]] more {mark}", CODEX)
    field = "input" if dialect is RESPONSES else "messages"
    response = caller.post(dialect, body | {field: [*history, *body[field]]})
    assert response.status == 200, response.body
    line = caller.bridge.logged(response.headers["x-request-id"])
    assert (line["outcome"], line["adaptations"]) == ("ok", "earlier thoughts")
    with sqlite3.connect(caller.bridge.home / "bridge.db") as database:
        row = eventually(database, response.headers["x-request-id"])
    assert row == ("ok", "earlier thoughts")


def eventually(database: sqlite3.Connection, request_id: str) -> Any:
    """The log's row, which is written a moment later."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = database.execute(
            "SELECT outcome, adaptations FROM requests WHERE id = ?", (request_id,)
        ).fetchone()
        if found:
            return found
        time.sleep(0.05)
    return None


# What is remembered.


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_a_lesson_is_remembered_over_a_restart(
    start_bridge: Start, simulator: Simulator, mark: str, server: str
) -> None:
    """Whichever worker learned it."""
    settings: Json = {"server": server, "workers": 2} if server == "gunicorn" else {"server": server}
    body = MESSAGES.body(f"[[sim:extra-inputs field=top_k]] hello {mark}", OPUS, top_k=3)
    bridge = start_bridge(**settings)
    assert MESSAGES.post(bridge, body).status == 200
    assert ["top_k" in body for body in bodies(simulator, mark)] == [True, False]
    bridge.ask_to_stop()
    assert bridge.wait() == 0
    again = start_bridge(home=bridge.home, github_token=bridge.github_token, **settings)
    for _ in range(4):
        assert MESSAGES.post(again, body).status == 200
    assert ["top_k" in body for body in bodies(simulator, mark)] == [True, *[False] * 5]


def test_without_a_store_the_process_remembers_a_lesson(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(server="gevent", persist=False)
    body = MESSAGES.body(f"[[sim:extra-inputs field=top_k]] hello {mark}", OPUS, top_k=3)
    for _ in range(2):
        assert MESSAGES.post(bridge, body).status == 200
    assert ["top_k" in body for body in bodies(simulator, mark)] == [True, False, False]
