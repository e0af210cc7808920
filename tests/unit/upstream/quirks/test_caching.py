"""Cache breakpoints for clients that have set none."""

import copy

import pytest

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks import chat
from copilot_bridge.upstream.quirks.caching import adapt_cache_controls

CLAUDE = Model.read({"id": "claude-sonnet-5", "vendor": "Anthropic"})
GPT = Model.read({"id": "gpt-4.1", "vendor": "Azure OpenAI"})
PLAIN = {"type": "ephemeral"}
TOOL = {"name": "t", "input_schema": {"type": "object"}}
DEFERRED = TOOL | {"defer_loading": True}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


def messages_of(*texts):
    roles = ("user", "assistant")
    return [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]


def block(text):
    return {"type": "text", "text": text}


def ends(body):
    """Where the marks are."""
    after = copy.deepcopy(body)
    changed = adapt_cache_controls(after, CLAUDE, frozenset())
    assert changed == (after != body)
    places = [f"tools.{n}" for n, tool in enumerate(after.get("tools") or ()) if "cache_control" in tool]
    system = after.get("system")
    given = enumerate(system if isinstance(system, list) else ())
    places += [f"system.{n}" for n, block in given if "cache_control" in block]
    for number, message in enumerate(after["messages"]):
        content = message["content"]
        for n, block in enumerate(content if isinstance(content, list) else ()):
            if "cache_control" in block:
                places.append(f"messages.{number}.{n}")
    return places


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"messages": messages_of("a")}, ["messages.0.0"]),
        ({"messages": messages_of("a", "b", "c")}, ["messages.1.0", "messages.2.0"]),
        (
            {"tools": [TOOL, dict(TOOL)], "system": "Be brief.", "messages": messages_of("a")},
            ["tools.1", "system.0", "messages.0.0"],
        ),
        ({"tools": [TOOL, DEFERRED], "messages": messages_of("a")}, ["tools.0", "messages.0.0"]),
        ({"system": [block("x"), block("y")], "messages": messages_of("a")}, ["system.1", "messages.0.0"]),
        ({"messages": [*messages_of("a"), {"role": "assistant", "content": [THOUGHT]}]}, ["messages.0.0"]),
        (
            {"messages": [*messages_of("a"), {"role": "assistant", "content": [block("b"), THOUGHT]}]},
            ["messages.0.0", "messages.1.0"],
        ),
        ({"messages": messages_of("")}, []),
        # What the client says counts.
        ({"tools": [TOOL | {"cache_control": PLAIN}], "messages": messages_of("a", "b", "c")}, ["tools.0"]),
    ],
)
def test_cache_breakpoints_are_placed(body, places):
    assert ends(body) == places


def test_nothing_is_marked_for_others():
    body = {"messages": messages_of("a")}
    assert not adapt_cache_controls(body, GPT, frozenset())
    assert body == {"messages": messages_of("a")}


def test_cache_breakpoints_are_placed_in_chat():
    tool = {"type": "function", "function": {"name": "f"}}
    messages = [{"role": "system", "content": "Be brief."}, *messages_of("a", "b", "c")]
    body = {"model": "claude-sonnet-5", "messages": messages, "tools": [tool, dict(tool)]}
    chat.adapt(body, CLAUDE)
    marked = [block.get("copilot_cache_control") for block in (*body["tools"], *body["messages"])]
    assert marked == [None, PLAIN, PLAIN, None, PLAIN, PLAIN]
