"""Blank texts are removed or filled, and tool results are moved to their calls."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from integration.dialects import DIALECTS
from integration.harness import Bridge, Json, Simulator

from tests.integration.adaptation import (
    CALLED,
    CODEX,
    GPT,
    SONNET,
    conversation,
    history,
    pairs,
    upstream_body,
)

BLANKS = ["", "\n", " \t\u3000"]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("client", DIALECTS)
def test_claude_gets_no_empty_texts(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, blank: str
) -> None:
    """The simulator refuses empty texts, and Claude white space, too."""
    rounds = history(client, mark, ("call_1", "read"))
    messages = [
        *rounds[:1],
        {"role": "assistant", "content": blank},
        {"role": "user", "content": blank},
        *rounds[1:],
    ]
    body = conversation(client, SONNET, messages)
    system = {"messages": {"system": blank}, "responses": {"instructions": blank}, "chat": {}}
    if client == "chat":
        messages.insert(0, {"role": "system", "content": blank})
    sent = upstream_body(bridge, simulator, mark, client, body | system[client])
    assert "system" not in sent
    texts = [*texts_in(sent["messages"])]
    assert not any(text == "" or text.isspace() for text in texts if text is not None)
    assert "(no content)" in texts


def texts_in(messages: list[Json]) -> list[str | None]:
    shown = [message["content"] for message in messages]
    inner = [block.get("text") for content in shown if isinstance(content, list) for block in content]
    return [content for content in shown if isinstance(content, str)] + inner


@pytest.mark.parametrize("content", [None, "", " ", [], [{"type": "text", "text": "\n"}]])
@pytest.mark.parametrize("model", [SONNET, "claude-opus-4.6"])
def test_an_empty_failure_of_a_tool_gets_a_text(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, content: Any
) -> None:
    messages = history("messages", mark, ("toolu_1", "read"))
    messages[-1]["content"][0] |= {"is_error": True, "content": content}
    sent = upstream_body(bridge, simulator, mark, "messages", conversation("messages", model, messages))
    assert "The tool failed" in json.dumps(sent["messages"][-1])


@pytest.mark.parametrize("model", [GPT, SONNET])
def test_separated_results_are_moved_to_their_calls(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    calls = [CALLED["responses"](id_, "read") for id_ in ("a", "b", "c")]
    note = {"role": "assistant", "content": "note"}
    so = {"role": "user", "content": "so?"}
    results = [calls[1][1], note, calls[0][1], so, calls[2][1]]
    messages = [{"role": "user", "content": mark}, *(call for call, _ in calls), *results]
    sent = upstream_body(bridge, simulator, mark, "responses", conversation("responses", model, messages))
    assert sorted(result for _call, result in pairs(sent)) == ["a", "b", "c"]
    roles = [message["role"] for message in sent["messages"]]
    if model == GPT:
        assert roles == ["user", "assistant", "tool", "tool", "tool", "assistant", "user"]
    else:
        assert roles == ["user", "assistant", "user", "assistant", "user"]
        results = sent["messages"][2]["content"]
        assert [block["type"] for block in results] == ["tool_result"] * 3


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
def test_separated_results_are_moved_to_their_calls_in_chat(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """Two messages of the assistant, then their results; and a word of its between a call and its result."""
    (call, result), (other, response) = (CALLED["chat"](id_, "read") for id_ in ("a", "b"))
    note = {"role": "assistant", "content": "note"}
    messages = [
        {"role": "user", "content": mark},
        call,
        other,
        result,
        response,
        {"role": "user", "content": "so?"},
    ]
    sent = upstream_body(bridge, simulator, mark, "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    if model != CODEX:
        roles = [message["role"] for message in sent["messages"]]
        assert roles == ["user", "assistant", "tool", "assistant", "tool", "user"]
    messages = [
        {"role": "user", "content": f"{mark}2"},
        call,
        note,
        result,
        {"role": "user", "content": "so?"},
    ]
    sent = upstream_body(bridge, simulator, f"{mark}2", "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a")]
    if model != CODEX:
        assert [message["role"] for message in sent["messages"]][1:4] == ["assistant", "tool", "assistant"]


@pytest.mark.parametrize("between", [
    pytest.param({"role": "user", "content": "wait"}, id="a person"),
    pytest.param({"role": "system", "content": "be quick"}, id="the system"),
    pytest.param({"role": "assistant", "content": "note"}, id="the assistant, at the end"),
])  # fmt: skip
@pytest.mark.parametrize("model", [GPT, SONNET])
def test_a_message_before_a_result_is_moved_behind_it_in_chat(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, between: Json
) -> None:
    """Messages of any role come after the results, and the last one is a person's or a tool's."""
    (call, result), (other, response) = (CALLED["chat"](id_, "read") for id_ in ("a", "b"))
    both = call | {"tool_calls": [*call["tool_calls"], *other["tool_calls"]]}
    messages = [{"role": "user", "content": mark}, both, response, between, result]
    sent = upstream_body(bridge, simulator, mark, "chat", conversation("chat", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    after = [between["role"], "user"] if between["role"] == "assistant" else [between["role"]]
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool", *after]
    assert sent["messages"][4]["content"] == between["content"]


WAIT = {"type": "text", "text": "wait"}


@pytest.mark.parametrize("parts", [
    pytest.param(lambda result, response: [[WAIT, *result, *response]], id="before both"),
    pytest.param(lambda result, response: [[*result, WAIT, *response]], id="between them"),
    pytest.param(lambda result, response: [[*result], [WAIT], [*response]], id="in messages of their own"),
    pytest.param(lambda result, response: ["wait", [*result, *response]], id="as a text"),
])  # fmt: skip
def test_a_message_before_a_result_is_moved_behind_it_in_messages(
    bridge: Bridge, simulator: Simulator, mark: str, parts: Callable[[list[Json], list[Json]], list[Any]]
) -> None:
    """Claude has to see all results before anything else: what was said comes after them."""
    (call, result), (other, response) = (CALLED["messages"](id_, "read") for id_ in ("a", "b"))
    both = {"role": "assistant", "content": [*call["content"], *other["content"]]}
    late = [{"role": "user", "content": content} for content in parts(result["content"], response["content"])]
    messages = [{"role": "user", "content": mark}, both, *late]
    sent = upstream_body(bridge, simulator, mark, "messages", conversation("messages", SONNET, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    said_then = [message["content"] for message in sent["messages"][2:]]
    blocks = [block for content in said_then for block in (content if isinstance(content, list) else [WAIT])]
    assert [block["type"] for block in blocks] == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize("model", [GPT, SONNET])
def test_separated_results_are_moved_to_their_calls_in_messages(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    (call, result), (other, response) = (CALLED["messages"](id_, "read") for id_ in ("a", "b"))
    both = {"role": "assistant", "content": [*call["content"], *other["content"]]}
    note = {"role": "assistant", "content": "note"}
    late = {"role": "user", "content": [*response["content"], {"type": "text", "text": "so?"}]}
    messages = [{"role": "user", "content": mark}, both, result, note, late]
    sent = upstream_body(bridge, simulator, mark, "messages", conversation("messages", model, messages))
    assert pairs(sent) == [("a", "a"), ("b", "b")]
    roles = [message["role"] for message in sent["messages"]]
    if model == GPT:
        assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    else:
        assert roles == ["user", "assistant", "user", "assistant", "user"]
