"""A plan in the prompt: the model makes its calls one a round, and only for an agent at work."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from simulator_calls import Client

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
PLAN = [
    {"tool": "write", "arguments": {"path": "a.sh", "content": "echo ]] [[ 'é'\n"}},
    {"tool": "run", "arguments": {"path": "a.sh"}},
]
PROMPT = f"[[sim:plan]] {json.dumps(PLAN)} [[sim:say]] It is done."
NOTICES = (
    "<system-reminder>\nCall write once more.\n</system-reminder>",
    "<task-notification>\n<task-id>7</task-id> write has ended\n</task-notification>",
)

Item = dict[str, Any]


@dataclass(frozen=True)
class Surface:
    """A way to Copilot: `ask` gives the response's items, which go back into the history as they are."""

    ask: Callable[[Client, list[Item], tuple[str, ...]], list[Item]]
    calls: Callable[[list[Item]], list[tuple[str, Any, str]]]  # (name, arguments, id)
    result: Callable[[str, str], Item]
    text: Callable[[list[Item]], str]


def ask_chat(client: Client, history: list[Item], tools: tuple[str, ...]) -> list[Item]:
    offered = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in tools]
    body = {"messages": history, **({"tools": offered} if offered else {})}
    return [client.chat("", "gpt-4.1", **body).json()["choices"][0]["message"]]


def ask_responses(client: Client, history: list[Item], tools: tuple[str, ...]) -> list[Item]:
    offered = [{"type": "function", "name": name, "parameters": SCHEMA} for name in tools]
    output = client.response(history, tools=offered).json()["output"]
    return [{name: value for name, value in item.items() if name != "id"} for item in output]


def ask_messages(client: Client, history: list[Item], tools: tuple[str, ...]) -> list[Item]:
    offered = [{"name": name, "input_schema": SCHEMA} for name in tools]
    return [{"role": "assistant", "content": client.message(history, tools=offered).json()["content"]}]


def chat_calls(response: list[Item]) -> list[tuple[str, Any, str]]:
    calls = response[0].get("tool_calls") or ()
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]), call["id"]) for call in calls
    ]


def responses_calls(response: list[Item]) -> list[tuple[str, Any, str]]:
    calls = [item for item in response if item["type"] == "function_call"]
    return [(call["name"], json.loads(call["arguments"]), call["call_id"]) for call in calls]


def messages_calls(response: list[Item]) -> list[tuple[str, Any, str]]:
    return [
        (block["name"], block["input"], block["id"])
        for block in response[0]["content"]
        if block["type"] == "tool_use"
    ]


def responses_text(response: list[Item]) -> str:
    return "".join(item["content"][0]["text"] for item in response if item["type"] == "message")


SURFACES = {
    "chat": Surface(
        ask_chat,
        chat_calls,
        lambda id_, text: {"role": "tool", "tool_call_id": id_, "content": text},
        lambda response: response[0]["content"],
    ),
    "responses": Surface(
        ask_responses,
        responses_calls,
        lambda id_, text: {"type": "function_call_output", "call_id": id_, "output": text},
        responses_text,
    ),
    "messages": Surface(
        ask_messages,
        messages_calls,
        lambda id_, text: {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": id_, "content": text}],
        },
        lambda response: response[0]["content"][-1]["text"],
    ),
}
TOOLS = ("read", "write", "run")

surfaces = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


def prompt(text: str = PROMPT) -> Item:
    return {"role": "user", "content": text}


@surfaces
def test_a_plan_makes_one_call_a_round_and_then_responds(client: Client, surface: Surface) -> None:
    history = [prompt()]
    for step in PLAN:
        response = surface.ask(client, history, TOOLS)
        ((name, arguments, id_),) = surface.calls(response)
        assert (name, arguments) == (step["tool"], step["arguments"])
        history += [*response, surface.result(id_, "the tool ran: call write")]
    response = surface.ask(client, history, TOOLS)
    assert surface.calls(response) == []
    assert surface.text(response) == "It is done."


@surfaces
def test_a_repeated_request_gets_the_same_call(client: Client, surface: Surface) -> None:
    """Agents retry; the step hangs on the history alone."""
    first, second = (surface.calls(surface.ask(client, [prompt()], TOOLS)) for _time in range(2))
    assert [call[:2] for call in first] == [call[:2] for call in second] != []


@surfaces
@pytest.mark.parametrize("notice", NOTICES)
def test_a_clients_notices_neither_stop_nor_restart_a_plan(
    client: Client, surface: Surface, notice: str
) -> None:
    history = [prompt(f"{notice}\n{PROMPT}\n{notice}")]
    response = surface.ask(client, history, TOOLS)
    ((_name, _arguments, id_),) = surface.calls(response)
    history += [*response, surface.result(id_, f"ran\n{notice}"), prompt(notice)]
    ((name, _arguments, _id),) = surface.calls(surface.ask(client, history, TOOLS))
    assert name == "run"


@surfaces
def test_without_tools_nothing_is_called(client: Client, surface: Surface) -> None:
    """Agents ask so for a title of the conversation, or to warm up."""
    response = surface.ask(client, [prompt("Generate a title"), prompt()], ())
    assert surface.calls(response) == []
    assert surface.text(response) == "It is done."


@surfaces
def test_the_next_person_is_not_planned_for(client: Client, surface: Surface) -> None:
    history = [prompt(), {"role": "assistant", "content": "It is done."}, prompt("Thanks")]
    response = surface.ask(client, history, TOOLS)
    assert surface.calls(response) == []
    assert "Thanks" in surface.text(response)


def test_a_plan_calls_tools_with_free_text(client: Client) -> None:
    tools = [{"type": "custom", "name": "apply_patch"}]
    plan = json.dumps([{"tool": "apply_patch", "arguments": "*** Begin\n+é\n"}])
    (call,) = [
        item
        for item in client.response(f"[[sim:plan]] {plan}", tools=tools).json()["output"]
        if "call_id" in item
    ]
    assert (call["type"], call["input"]) == ("custom_tool_call", "*** Begin\n+é\n")


MISUSED = {
    "no JSON": ("go on", "can't read the plan"),
    "half of it": ('[{"tool": ', "can't read the plan"),
    "no list": ('{"tool": "write", "arguments": {}}', "a list"),
    "no call": ("[]", "at least one"),
    "no arguments": ('[{"tool": "write"}]', "nothing else"),
    "a number": ('[{"tool": "write", "arguments": 1}]', "object or a string"),
    "unknown tool": ('[{"tool": "erase", "arguments": {}}]', "not offered; there are read, write, run"),
    "text": ('[{"tool": "write", "arguments": "text"}]', "takes an object"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("plan", "message"), MISUSED.values(), ids=MISUSED)
def test_impossible_plans_are_refused(client: Client, plan: str, message: str, stream: bool) -> None:
    tools = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]
    response = client.message(f"[[sim:plan]] {plan}", tools=tools, stream=stream)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "simulator_misuse"
    assert message in error["message"]


def test_an_object_for_free_text_is_refused(client: Client) -> None:
    plan = '[[sim:plan]] [{"tool": "apply_patch", "arguments": {}}]'
    response = client.response(plan, tools=[{"type": "custom", "name": "apply_patch"}])
    assert response.status_code == 400
    assert "takes free text" in response.json()["error"]["message"]
