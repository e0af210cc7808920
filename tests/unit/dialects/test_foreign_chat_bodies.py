"""Chat Completions bodies in the forms of other APIs: nothing breaks over them, and chat's own pass."""

import json
from itertools import islice
from pathlib import Path

import pytest
from wrong_kinds import BODIES, mutants

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.client_request import ChatRequest
from copilot_bridge.dialects.chat.foreign_forms.body import normalize
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported

GOLDEN = Path(__file__).parents[2] / "golden" / "requests" / "chat"
CURSOR = ("cursor-agent", "cursor-ask", "cursor-claude")


def take(data: bytes) -> None:
    request = ChatRequest.read(data)
    request.conversation()
    list(request.image_holders())
    request.read_prompt()


@pytest.mark.parametrize("name", CURSOR)
def test_each_error_of_a_mutated_body_names_a_field(name: str) -> None:
    body = json.loads((GOLDEN / f"{name}.json").read_bytes())
    take(codec.write(body))
    errors = [error for _, data in islice(mutants(body), 0, None, 5) if (error := refusal(data))]
    assert len(errors) > 20
    assert [str(error) for error in errors if not error.param] == []


def refusal(data: bytes) -> BridgeError | None:
    try:
        take(data)
    except (InvalidRequest, Unsupported) as error:
        return error
    return None


def test_a_body_of_chats_own_is_not_touched() -> None:
    body = json.loads(codec.write(BODIES["chat"]))
    assert not normalize(body)
    assert body == BODIES["chat"]
    assert not ChatRequest.read(codec.write(body)).changed


def test_a_signature_fits_one_thought() -> None:
    thought = {"type": "thinking", "thinking": "a", "signature": "s"}
    for count, signature in ((1, "s"), (2, None)):
        body = {"messages": [{"role": "assistant", "content": [thought] * count}]}
        assert normalize(body)
        (message,) = body["messages"]
        assert message.get("reasoning_opaque") == signature
        assert message["content"] == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"thinking_budget": 2048}),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ({"max_output_tokens": 9}, {"max_completion_tokens": 9}),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "schema": {}}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        ),
        ({"include": ["x"], "truncation": "auto"}, {}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "tool", "name": "x"}},
            {"tool_choice": {"type": "function", "function": {"name": "x"}}},
        ),
        ({"reasoning": None}, {"reasoning": None}),
    ],
)
def test_settings_of_other_apis_are_read(given, expected) -> None:
    normalize(given)
    assert given == expected
