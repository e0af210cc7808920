"""The items of a request that a connection already knows, whatever clients do with their conversation."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.upstream.websocket.new_items import Point, known_items, meaning, point_after

Json = dict[str, Any]

WORDS = st.sampled_from(["", "a", "b", "yes", "\ud83d"])
ARGUMENTS = st.sampled_from(['{"b": 1, "a": [2]}', "{}", "", "no json"])
CALLS = st.sampled_from(["call_1", "call_2"])


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def message(text: str) -> Json:
    return {
        "type": "message",
        "id": "m" * 400,
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    }


def call(call_id: str, arguments: str) -> Json:
    return {
        "type": "function_call",
        "id": "f" * 400,
        "status": "completed",
        "call_id": call_id,
        "name": "look",
        "arguments": arguments,
    }


def result(call_id: str, output: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def reasoning(sealed: str) -> Json:
    return {"type": "reasoning", "id": "r" * 400, "summary": [], "encrypted_content": sealed}


RESPONSES = st.lists(
    st.builds(message, WORDS) | st.builds(call, CALLS, ARGUMENTS) | st.builds(reasoning, WORDS), max_size=3
)
SAID = st.lists(st.builds(user, WORDS) | st.builds(result, CALLS, WORDS), max_size=2)


def responses_client(items: list[Json]) -> list[Json]:
    """What comes back upstream of a response from a client of the same dialect."""
    return [{name: value for name, value in item.items() if name != "id"} for item in items]


def chat_client(items: list[Json]) -> list[Json]:
    """The same from a client of another dialect: no reasoning, other spelling, nothing empty."""
    return [spelt for item in items if (spelt := respelt(item)) is not None]


def respelt(item: Json) -> Json | None:
    if item["type"] == "reasoning":
        return None
    if item["type"] == "message":
        text = item["content"][0]["text"]
        return {"role": "assistant", "content": text} if text else None
    try:
        arguments = json.dumps(dict(reversed(json.loads(item["arguments"]).items())))
    except ValueError:
        arguments = item["arguments"]
    return {"type": "function_call", "call_id": item["call_id"], "name": "look", "arguments": arguments}


CLIENTS = st.sampled_from([responses_client, chat_client])


@st.composite
def edits(draw: st.DrawFn, items: list[Json]) -> list[Json]:
    """The conversation as it is, shortened, changed, repeated or with something put between."""
    kind = draw(st.sampled_from(["none", "none", "none", "shorter", "changed", "between"]))
    index = draw(st.integers(0, max(0, len(items) - 1)))
    if kind == "shorter":
        return items[:index]
    if kind == "changed" and items:
        return [*items[:index], user("changed"), *items[index + 1 :]]
    if kind == "between":
        return [*items[:index], user("between"), *items[index:]]
    return items


class Upstream:
    """A connection's memory: what was said on it, in the words of whoever said it."""

    def __init__(self) -> None:
        self.point: Point | None = None
        self.knows: list[Json] = []

    def ask(self, items: list[Json], response: list[Json]) -> list[Json]:
        """Send what is new; returns what the model then reads."""
        known, digest = known_items(self.point, items)
        reads = [*(self.knows if known else []), *items[known:]]
        self.knows = [*reads, *response]
        self.point = point_after("r", digest, len(items), response)
        return reads


def plain(items: list[Json]) -> list[Any]:
    """Without what clients of other dialects leave out."""
    meanings = [meaning(item) for item in items]
    return [
        meaning_
        for meaning_ in meanings
        if meaning_[0] != "reasoning" and meaning_[1:] != ["assistant", "", []]
    ]


@given(st.data())
def test_the_model_reads_the_conversation_that_the_client_sent(data: st.DataObject) -> None:
    client, upstream = data.draw(CLIENTS), Upstream()
    conversation: list[Json] = [user("begin")]
    for _ in range(data.draw(st.integers(1, 6))):
        response = data.draw(RESPONSES)
        reads = upstream.ask(conversation, response)
        assert plain(reads) == plain(conversation)
        # All that the client says itself is there, byte for byte.
        assert [item for item in reads if "id" not in item and item in conversation]
        conversation = data.draw(edits([*conversation, *client(response), *data.draw(SAID)])) or [user("")]


def known(first: list[Json], response: list[Json], then: list[Json]) -> int:
    _, digest = known_items(None, first)
    return known_items(point_after("r", digest, len(first), response), then)[0]


FIRST = [user("begin")]
RESPONSE = [reasoning("sealed"), message("I look."), call("call_1", '{"a": 1}')]


def test_each_client_sends_nothing_twice() -> None:
    for client in (responses_client, chat_client):
        then = [*FIRST, *client(RESPONSE), result("call_1", "done")]
        assert known(FIRST, RESPONSE, then) == len(then) - 1


def test_a_conversation_that_differs_is_sent_whole() -> None:
    went = responses_client(RESPONSE)
    last = result("call_1", "done")
    for name, then in {
        "nothing new": [*FIRST, *went],
        "a retry": FIRST,
        "another beginning": [user("begin "), *went, last],
        "a changed text": [*FIRST, went[0], message("I see."), went[2], last],
        "changed arguments": [*FIRST, *went[:2], call("call_1", '{"a": 2}'), last],
        "another call": [*FIRST, *went[:2], call("call_2", '{"a": 1}'), last],
        "a call left out": [*FIRST, *went[:2], last],
        "other reasoning": [*FIRST, reasoning("other"), *went[1:], last],
        "another order": [*FIRST, went[1], went[0], went[2], last],
        "no answer": [*FIRST, last],
        "one item more before": [user("system"), *FIRST, *went, last],
    }.items():
        assert known(FIRST, RESPONSE, then) == 0, name


def test_true_is_not_one() -> None:
    then = [*FIRST, call("c", '{"a": true}'), result("c", "x")]
    assert known(FIRST, [call("c", '{"a": 1}')], then) == 0
