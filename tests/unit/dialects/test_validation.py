"""Errors of bodies that are read for another dialect name the location and the expected type."""

from typing import Any

import pytest

from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import InvalidRequest

READ = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
}
EMPTY = {"chat": {"messages": []}, "messages": {"messages": []}, "responses": {"input": "a"}}


def error_message(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def calls(call: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "tool_calls": [call]}]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": list(blocks)}]}


FIRST = "messages.0.content.0"
EFFORTS = "none, minimal, low, medium, high, xhigh or max"
FORMS = "expected text, json_object or json_schema"
RESULT = {"type": "tool_result", "tool_use_id": "c"}
FUNCTION = {"type": "function", "name": "f"}


@pytest.mark.parametrize(
    ("dialect", "fields", "message"),
    [
        ("chat", {"stop": 1e300}, "stop: expected a string or a list"),
        ("chat", {"stop": ["a", None]}, "stop.1: expected a string"),
        ("chat", {"response_format": {"type": "json_schema", "json_schema": 1}},
         "response_format.json_schema: expected an object"),
        ("chat", {"response_format": {"type": "grammar", "grammar": "x"}}, f"response_format.type: {FORMS}"),
        ("chat", {"response_format": {"type": "json_schema", "schema": {}}},
         "response_format.json_schema: expected an object"),
        ("responses", {"text": {"format": {"type": "regex"}}}, f"text.format.type: {FORMS}"),
        ("responses", {"text": {"format": {"type": "json_schema", "json_schema": {"schema": {}}}}},
         "text.format.schema: expected an object"),
        ("messages", {"output_config": {"format": {"type": "xml"}}},
         "output_config.format.type: expected json_schema"),
        ("messages", {"output_config": {"format": {}}}, "output_config.format.schema: expected an object"),
        ("chat", error_message({"type": "text", "text": 1}), f"{FIRST}.text: expected a string"),
        ("chat", error_message({"type": {}}), f"{FIRST}.type: expected a string"),
        ("chat", error_message({"type": "file"}), f"{FIRST}.file: expected an object"),
        ("chat", {"messages": [{"role": "tool"}]}, "messages.0.tool_call_id: expected a string"),
        ("chat", calls({"id": "c"}), "messages.0.tool_calls.0.function: expected an object"),
        ("chat", calls({"id": {}, "function": {"name": "f"}}),
         "messages.0.tool_calls.0.id: expected a string"),
        ("chat", {"tool_choice": 1}, "tool_choice: expected a string or an object"),
        ("chat", {"thinking_budget": "x"}, "thinking_budget: expected an integer"),
        ("messages", {"stop_sequences": 1e300}, "stop_sequences: expected a list"),
        ("messages", {"tools": [{"input_schema": {}}]}, "tools.0.name: expected a string"),
        ("messages", {"tools": [{"name": "f"}]}, "tools.0.input_schema: expected an object"),
        ("messages", {"tools": [7]}, "tools.0: expected an object"),
        ("messages", {"tool_choice": {"type": [None]}}, "tool_choice.type: expected a string"),
        ("messages", assistant({"type": "thinking", "thinking": ["x"]}),
         f"{FIRST}.thinking: expected a string"),
        ("messages", error_message({"type": "image", "source": {"media_type": "image/png", "data": 1.5}}),
         f"{FIRST}.source.data: expected a string"),
        ("messages", error_message({"type": "document", "source": {"type": "content", "content": [{}]}}),
         f"{FIRST}.source.content.0.text: expected a string"),
        ("messages", error_message(RESULT | {"content": [{"type": "text", "text": []}]}),
         f"{FIRST}.content.0.text: expected a string"),
        ("responses", {"input": [{"type": {}}]}, "input.0.type: expected a string"),
        ("responses", {"input": [{"role": "tool", "content": "a"}]},
         "input.0.role: expected user, assistant, system or developer"),
        ("responses", {"input": [{"type": "function_call", "call_id": "c", "name": 1}]},
         "input.0.name: expected a string"),
        ("responses", {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
         "input.0.arguments: expected a string"),
        ("responses", {"tools": [{"type": "namespace", "tools": 1.5}]}, "tools.0.tools: expected a list"),
        ("responses", {"tools": [{"type": "namespace", "tools": [{"type": "namespace"}]}]},
         "tools.0.tools.0: expected a function or a custom tool"),
        ("responses", {"tools": [{"type": "custom", "name": "a", "format": [[]]}]},
         "tools.0.format: expected an object"),
        ("responses", {"tools": [FUNCTION | {"strict": "x"}]}, "tools.0.strict: expected true or false"),
        ("responses", {"reasoning": {"effort": [None]}}, f"reasoning.effort: expected {EFFORTS}"),
        ("responses", {"reasoning": {"effort": "bogus"}}, f"reasoning.effort: expected {EFFORTS}"),
        ("chat", {"reasoning_effort": "bogus"}, f"reasoning_effort: expected {EFFORTS}"),
        ("chat", {"reasoning_effort": "HIGH"}, f"reasoning_effort: expected {EFFORTS}"),
        ("messages", {"output_config": {"effort": "ultra"}}, f"output_config.effort: expected {EFFORTS}"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_its_location(dialect: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        READ[dialect](EMPTY[dialect] | {"model": "m"} | fields)
    assert str(refused.value) == message
    assert refused.value.param == message.partition(":")[0]


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("chat", {"stop": None, "tools": None, "tool_choice": None, "response_format": None}),
        ("chat", calls({"id": "c", "function": {"name": "f", "arguments": None}})),
        ("chat", {"temperature": "hot", "seed": {}, "invented_yesterday": 1}),
        ("messages", {"system": None, "thinking": None, "stop_sequences": None, "output_config": None}),
        ("messages", error_message(RESULT | {"content": None})),
        ("messages", assistant({"type": "thinking", "thinking": None})),
        ("messages", {"tools": [{"type": "web_search_20250305"}], "top_k": "x"}),
        ("responses", {"tools": [{"type": "web_search"}, FUNCTION | {"parameters": None}], "text": None}),
        ("responses", {"input": [{"type": "reasoning", "summary": None}, {"type": "item_reference"}]}),
    ],
)
def test_unread_fields_and_null_are_accepted(dialect: str, fields: dict[str, Any]) -> None:
    assert READ[dialect](EMPTY[dialect] | {"model": "m"} | fields)
