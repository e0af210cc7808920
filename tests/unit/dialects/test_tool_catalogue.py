"""The catalogue of hosted tools, where it is used: in prompts, and in requests that are passed on."""

import pytest

from copilot_bridge.dialects.gemini.prompt_reader import read_prompt as read_gemini
from copilot_bridge.dialects.messages.prompt_reader import read_prompt as read_messages
from copilot_bridge.dialects.responses.prompt_reader import read_prompt as read_responses
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.tool_catalogue import HOSTED_TOOLS, history_types, hosted_tool, is_refused
from copilot_bridge.errors import Unsupported

TYPES = {
    "messages": (
        ("web_search_20250305", True),
        ("web_fetch_20250910", True),
        ("code_execution_20250825", True),
        ("advisor_20260301", True),
        ("tool_search_tool_regex_20251119", False),
        ("mcp_toolset", False),
    ),
    "responses": (
        ("web_search", False),
        ("web_search_preview", False),
        ("tool_search", False),
        ("local_shell", False),
        ("code_interpreter", True),
        ("file_search", True),
        ("image_generation", True),
        ("computer_use", True),
        ("computer_use_preview", True),
        ("mcp", True),
    ),
    "gemini": (
        ("googleSearch", False),
        ("urlContext", False),
        ("codeExecution", False),
        ("enterpriseWebSearch", False),
    ),
}
CASES = [(dialect, *row) for dialect, rows in TYPES.items() for row in rows]


def tools_of(dialect: str, type_: str) -> tuple[object, ...]:
    tool: dict[str, object] = {"type": type_, "name": "x"}
    if dialect == "gemini":
        contents = [{"parts": [{"text": "Hi"}]}]
        return read_gemini({"model": "m", "contents": contents, "tools": [{type_: {}}]}).tools
    if dialect == "messages":
        messages = [{"role": "user", "content": "Hi"}]
        return read_messages({"model": "m", "messages": messages, "tools": [tool]}).tools
    return read_responses({"model": "m", "input": "Hi", "tools": [tool]}, ToolNames()).tools


@pytest.mark.parametrize(("dialect", "type_", "refused"), CASES)
def test_a_hosted_tool_is_left_out_for_models_of_another_api(dialect: str, type_: str, refused: bool) -> None:
    assert tools_of(dialect, type_) == ()
    assert is_refused(dialect, {"type": type_}) == refused


@pytest.mark.parametrize("dialect", TYPES)
def test_an_unknown_tool_is_not_left_out_silently(dialect: str) -> None:
    with pytest.raises(Unsupported, match="telepathy"):
        tools_of(dialect, "telepathy")


def test_every_row_is_tried() -> None:
    found = {hosted_tool(dialect, type_) for dialect, type_, _refused in CASES}
    assert found == set(HOSTED_TOOLS)


def test_server_tools_list_the_items_they_leave_in_a_conversation() -> None:
    assert "web_search_tool_result" in history_types("messages")
    assert "mcp_approval_request" in history_types("responses")
