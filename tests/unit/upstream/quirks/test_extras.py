"""Fields that Anthropic does not accept are left out of messages; all others stay."""

import copy
from typing import Any

import pytest

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.extras import drop_extras

CLAUDE = Model.read({"id": "claude-sonnet-5", "vendor": "Anthropic"})
TEXT = {"type": "text", "text": "hi", "citations": None}
CALL = {"type": "tool_use", "id": "t", "name": "read", "input": {"index": 1, "id": 2}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "is_error": False, "content": "x"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
HIDDEN = {"type": "redacted_thinking", "data": "x"}
MARK = {"cache_control": {"type": "ephemeral"}}
TOOL = {"name": "id", "input_schema": {"type": "object"}, "index": 0}


@pytest.mark.parametrize(("block", "extra"), [
    (TEXT, {"index": 0, "id": "lc_1"}),
    (TEXT | MARK, {"parsed_output": {"a": 1}}),
    (CALL, {"partial_json": "", "index": 1, "text": ""}),
    (CALL | MARK, {"caller": {"type": "direct"}}),
    (CALL | {"caller": {"type": "code_execution_20250825", "tool_id": "s"}}, {}),
    (RESULT | MARK, {"index": 2}),
    (RESULT | {"content": [TEXT]}, {}),
    (THOUGHT, MARK),
    (HIDDEN, MARK | {"index": 0}),
    ({"type": "newest", "index": 0, "id": "x"}, {}),
])  # fmt: skip
def test_extra_fields_of_a_block_are_removed(block: dict[str, Any], extra: dict[str, Any]) -> None:
    expected = {"tools": [TOOL], "messages": [{"role": "assistant", "content": [block, "odd"]}]}
    given = copy.deepcopy(expected)
    given["messages"][0]["content"][0].update(extra)  # type: ignore[index]
    assert drop_extras(given, CLAUDE, frozenset()) is bool(extra)
    assert given == expected


def test_extras_in_results_and_in_the_system_prompt_are_dropped() -> None:
    inner = {"messages": [{"role": "user", "content": [RESULT | {"content": [TEXT | {"index": 0}]}]}]}
    body = inner | {"system": [TEXT | {"id": "x"}]}
    assert drop_extras(body, CLAUDE, frozenset())
    assert body["system"] == body["messages"][0]["content"][0]["content"] == [TEXT]


@pytest.mark.parametrize("content", ["hi", [TEXT]])
def test_extras_of_a_returned_response_are_dropped(content: Any) -> None:
    response = {"id": "msg_1", "type": "message", "model": "m", "stop_reason": "end_turn", "usage": {}}
    body = {"messages": [response | {"role": "assistant", "content": content}]}
    assert drop_extras(body, CLAUDE, frozenset())
    assert body == {"messages": [{"role": "assistant", "content": content}]}
