"""The items of a conversation that are sent on, and their ids."""

import pytest

from copilot_bridge.upstream.quirks.responses import adapt_items

SAID = {"type": "message", "role": "user", "content": "Hi"}
SUMMARY = [{"type": "summary_text", "text": "Hm"}]
THOUGHT = {"type": "reasoning", "summary": SUMMARY, "encrypted_content": "gAAAA"}


def fit(*items):
    """What is left of them, and whether that is said."""
    body = {"input": [*items]}
    assert adapt_items(body, {"rs_1": "genuine"}) == (body["input"] != [*items])
    return body["input"]


def test_a_locked_thought_goes_back_under_the_id_that_upstream_knows():
    assert fit(SAID, THOUGHT) == [SAID, THOUGHT]
    assert fit(THOUGHT | {"id": "rs_1"}) == [THOUGHT | {"id": "genuine"}]
    assert fit(THOUGHT | {"id": "rs_2"}) == [THOUGHT]


@pytest.mark.parametrize(("size", "sent"), [(64, True), (65, False), (416, False)])
def test_an_id_that_upstream_would_refuse_is_not_sent(size, sent):
    """Copilot gives out ids of several hundred characters; the thought is found without."""
    body = {"input": [THOUGHT | {"id": "rs_1"}]}
    adapt_items(body, {"rs_1": "x" * size})
    assert ("id" in body["input"][0]) == sent


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "rs_1"},
        {"type": "reasoning", "id": "rs_1", "summary": SUMMARY},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        THOUGHT | {"encrypted_content": None},
        THOUGHT | {"encrypted_content": ""},
        THOUGHT | {"encrypted_content": "bridge1.e30="},
    ],
    ids=str,
)
def test_empty_items_are_left_out(item):
    assert fit(SAID, item) == [SAID]


def test_only_thoughts_have_to_be_locked():
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    assert fit(SAID, call) == [SAID, call]
