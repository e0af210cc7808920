"""The bridge's headers beside those of GitHub's own client, for a token that goes to Copilot as it is.

What that client says is in `tests/official/golden.json`, which `make test-official` makes.  Each difference
has to stand in the table with its reason, and each row of the table has to be needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from integration.harness import Bridge, Simulator, new_token
from official import golden

Json = dict[str, Any]
GONE = None  # the header is not sent


@dataclass(frozen=True)
class Difference:
    """`ours` in place of `theirs`, in the calls whose name begins with (one of) `calls`."""

    header: str
    theirs: str | None
    ours: str | None
    reason: str
    calls: str | tuple[str, ...] = ""


UNPACKED = "nothing is unpacked on the way through: what arrives is what is sent on"
NO_NODE = "no Node.js is inside"
AGENT = "copilot/<version> (<platform> <node>) term/unknown"
OWN_AGENT = "copilot/<version> (<platform>) term/unknown"
CALLS = " client/github/cli"
TRACED = "finds the call in GitHub's logs, and in the bridge's own"
TAKES_ALL = "the bridge takes what comes: an answer in a stream or in one piece"
ONE_MACHINE = "the bridge is one machine in all that it says"
BETAS = "tools are deferred where the bridge's client does so, and then says it"
SUBAGENTS = "POST /v1/messages, conversation-subagent"

DIFFERENCES = (
    Difference("accept-encoding", "zstd,gzip,deflate,br", "identity", UNPACKED),
    Difference("user-agent", AGENT, OWN_AGENT, NO_NODE, "GET "),
    Difference("user-agent", AGENT + CALLS, OWN_AGENT + CALLS, NO_NODE, "POST "),
    Difference("x-request-id", GONE, "<uuid>", TRACED, "POST "),
    Difference("x-request-id", GONE, "<uuid>", TRACED, "GET /models"),
    Difference("accept", "application/json", GONE, TAKES_ALL, "POST "),
    Difference("accept", "application/json", GONE, TAKES_ALL, "GET /models"),
    Difference("accept", "*/*", GONE, TAKES_ALL, "POST /v1/messages"),
    Difference("x-stainless-helper-method", "stream", GONE, "no SDK is inside", "POST "),
    Difference("x-client-machine-id", GONE, "<uuid>", ONE_MACHINE, ("POST /auto", "POST /models/session")),
    Difference("editor-version", GONE, "copilot/<version>", "GitHub is told, too", "GET /copilot_internal"),
    Difference(
        "x-github-api-version",
        GONE,
        "2025-04-01",
        "says which form of answer is read",
        "GET /copilot_internal",
    ),
    Difference("x-parent-agent-id", "<uuid>", GONE, "clients do not tell whose subagent it is", SUBAGENTS),
    Difference("anthropic-beta", "advanced-tool-use-2025-11-20", GONE, BETAS, SUBAGENTS),
)


def chat(model: str, mark: str, *more: Json) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": mark}, *more], "max_tokens": 2000}


CALLED: Json = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
}
RESULT: Json = {"role": "tool", "tool_call_id": "call_1", "content": "a red panda"}
SUBAGENT = {"x-openai-subagent": "collab_spawn"}

# What a client of the bridge does: (path, body, headers).
REQUESTS: tuple[tuple[str, Callable[[str], Json], dict[str, str]], ...] = (
    ("/v1/chat/completions", lambda mark: chat("gemini-3.1-pro-preview", mark), {}),
    ("/v1/chat/completions", lambda mark: chat("gemini-3.1-pro-preview", mark, CALLED, RESULT), {}),
    ("/v1/chat/completions", lambda mark: chat("auto", mark), {}),
    ("/v1/responses", lambda mark: {"model": "gpt-5.4", "input": mark}, {}),
    ("/v1/messages", lambda mark: chat("claude-sonnet-4.6", mark), {}),
    ("/v1/responses", lambda mark: {"model": "claude-sonnet-4.6", "input": mark}, SUBAGENT),
)


@pytest.fixture(scope="module")
def calls(_launch: Callable[..., Bridge], simulator: Simulator) -> Iterator[Json]:
    """What the bridge has said in each call, in the form of the golden file."""
    token = new_token(prefix="gho")
    bridge = _launch(server="gevent", github_token=token, honor_retry_after=0).warm()
    for number, (path, body, headers) in enumerate(REQUESTS):
        response = bridge.request("POST", path, body(f"hello {number}"), headers)
        assert response.status == 200, response.body
    bridge.request("GET", "/usage")
    found = [entry for entry in simulator.ledger() if token in entry["headers"].get("authorization", "")]
    yield golden.observe(found, golden.read()["version"])
    bridge.stop()


def plain(headers: Json) -> Json:
    """Without our platform, and without those that only some of the calls have: they depend on the model."""
    kept = {name: value for name, value in headers.items() if not name.endswith("?")}
    return kept | {"user-agent": golden.platform_free(kept["user-agent"])}


def found_differences(calls: Json) -> Iterator[tuple[str, str, str | None, str | None]]:
    """(call, header, theirs, ours)"""
    official = golden.read()["calls"]
    assert calls.keys() <= official.keys(), "the official client makes no such calls"
    for name in calls:
        theirs, ours = plain(official[name]["headers"]), plain(calls[name]["headers"])
        for header in sorted(theirs.keys() | ours.keys()):
            if theirs.get(header) != ours.get(header):
                yield name, header, theirs.get(header), ours.get(header)


def fits(row: Difference, name: str, header: str, theirs: str | None, ours: str | None) -> bool:
    return name.startswith(row.calls) and (row.header, row.theirs, row.ours) == (header, theirs, ours)


def test_each_difference_has_a_reason(calls: Json) -> None:
    unexplained = [
        found for found in found_differences(calls) if not any(fits(row, *found) for row in DIFFERENCES)
    ]
    assert unexplained == []


def test_each_reason_has_a_difference(calls: Json) -> None:
    found = list(found_differences(calls))
    assert [row for row in DIFFERENCES if not any(fits(row, *difference) for difference in found)] == []


def test_all_kinds_of_calls_were_seen(calls: Json) -> None:
    paths = {name.partition(",")[0] for name in calls}
    assert paths >= {"GET /models", "POST /chat/completions", "POST /responses", "POST /v1/messages"}
    assert {name.partition(", ")[2] for name in calls} >= {"conversation-user", "conversation-agent"}
