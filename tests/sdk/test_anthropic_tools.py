"""Anthropic's SDK runs its own tools with any model, in a thread that nobody keeps for it."""

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from anthropic.lib.tools import BetaAbstractMemoryTool
from clients import connect_anthropic
from integration.harness import Bridge, Simulator

MODELS = ["gpt-5.3-codex", "gpt-4.1", "gemini-3.1-pro-preview", "claude-sonnet-4.5"]
PLAN = """[[sim:plan]] [{"tool": "memory", "arguments": {"command": "view", "path": "/memories"}},
  {"tool": "memory", "arguments": {"command": "create", "path": "/memories/a.txt", "file_text": "hi"}}]
  [[sim:say]] It is noted."""

ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(bridge: Bridge) -> Iterator[Anthropic]:
    with connect_anthropic(bridge) as client:
        yield client


class Memory(BetaAbstractMemoryTool):
    """Notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def _note(self, command):
        self.asked.append((command.command, command.path))
        return f"{command.command} {command.path}"

    view = create = str_replace = insert = delete = rename = _note

    def clear_all_memory(self):
        return "nothing is left"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_the_memory_tool_is_run_by_the_client(
    client: Anthropic, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    memory = Memory()
    asked = [{"role": "user", "content": f"{mark} {PLAN}"}]
    runner = client.beta.messages.tool_runner(
        model=model, max_tokens=500, messages=asked, tools=[memory], stream=stream
    )
    *_, last = (message.get_final_message() if stream else message for message in runner)
    assert memory.asked == [("view", "/memories"), ("create", "/memories/a.txt")]
    assert last.content[-1].text == "It is noted."
    for entry in simulator.ledger(mark):
        assert "thread" not in entry["body"]


def test_a_thread_continues_with_its_whole_history(
    client: Anthropic, simulator: Simulator, mark: str
) -> None:
    thread = client.beta.messages.thread(model="gpt-4.1", max_tokens=500)
    thread.send({"role": "user", "content": f"one {mark}"})
    thread.send({"role": "user", "content": "two"})
    first, second = simulator.ledger(mark)
    assert [message["role"] for message in second["body"]["messages"]] == ["user", "assistant", "user"]
    assert len(first["body"]["messages"]) == 1


def test_a_thread_is_not_gone_on_with_in_silence(bridge: Bridge, mark: str) -> None:
    body = {"model": "gpt-4.1", "max_tokens": 9, "messages": [{"role": "user", "content": mark}],
            "thread": {"type": "continue", "previous_message_id": "msg_1"}}  # fmt: skip
    response = bridge.request("POST", "/v1/messages", body)
    error = response.json["error"]
    assert (response.status, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith("thread.previous_message_id: ")
    assert error["details"] == {"error_code": "thread_not_found"}
