"""Tool names that a target does not accept, and their restoration."""

import re

import pytest
from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.safe_names import safe_name
from copilot_bridge.dialects.adaptation.tool_names import shorten_tool_names as shorten_to
from copilot_bridge.dialects.prompt import Message, Prompt, Text, Tool, ToolCall, ToolChoice, ToolResult


def short(name):
    return safe_name(name, 64)


def shorten(prompt):
    return shorten_to(prompt, 64)


LONG = "mcp__" + "x" * 80
CALL, OTHER = ToolCall("a", LONG, "{}"), ToolCall("b", "read", "{}")
TURN = Prompt(
    model="m",
    messages=(
        Message("user", (Text(LONG),)),
        Message("assistant", (Text("I look."), CALL, OTHER)),
        Message("user", (ToolResult("a", (Text("done"),)),)),
    ),
    tools=(Tool(LONG, "", {}), Tool("read", "", {})),
    tool_choice=ToolChoice("tool", LONG),
)


@pytest.mark.parametrize("name", ["f", "x" * 64, "a-b_C9"])
def test_a_safe_name_stays(name):
    assert short(name) == name


@pytest.mark.parametrize("name", ["x" * 65, "x" * 128, "a.b", "a b", "ü", ""])
def test_an_unsafe_name_becomes_a_safe_one(name):
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", short(name))
    assert short(name) == short(name) != short(f"{name}y")


def test_a_prompt_without_long_names_is_left_alone():
    prompt = replace(TURN, messages=TURN.messages[:1], tools=TURN.tools[1:], tool_choice=None)
    assert shorten(prompt) == (prompt, {})


def test_a_name_is_shortened_everywhere_in_a_prompt():
    prompt, names = shorten(TURN)
    new = short(LONG)
    assert names == {new: LONG}
    assert [tool.name for tool in prompt.tools] == [new, "read"]
    assert prompt.tool_choice == ToolChoice("tool", new)
    assert prompt.messages[1].parts == (Text("I look."), replace(CALL, name=new), OTHER)
    assert (prompt.messages[0], prompt.messages[2]) == (TURN.messages[0], TURN.messages[2])


def test_the_name_of_a_tool_that_is_no_longer_offered_is_shortened():
    prompt, names = shorten(replace(TURN, tools=(), tool_choice=None))
    assert (prompt.messages[1].parts[1].name, names) == (short(LONG), {short(LONG): LONG})
