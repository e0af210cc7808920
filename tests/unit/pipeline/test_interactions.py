"""Ids of interactions are equal in each call, worker and start of one conversation, and reveal nothing."""

import re

import pytest

from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.pipeline.interactions import Interactions, machine_of, secret_of
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
USER = {"role": "user", "content": "hi"}
CALL = {"role": "assistant", "content": None}
RESULT = {"role": "tool", "content": "done"}
MORE = {"role": "user", "content": "go on"}
SUBAGENT = {"x-interaction-type": "conversation-subagent"}


def talk(*messages, system="Be brief."):
    return chat.read_conversation({"messages": [{"role": "system", "content": system}, *messages]})


class Worker(Interactions):
    """One process; all have the same key."""

    def __init__(self, key=b"k" * 32):
        self.now = 0.0
        super().__init__(lambda: key, lambda: self.now)

    def tell(self, *messages, caller="me", headers=None, kind=None, **options):
        return self.signals(caller, talk(*messages, **options), headers or {}, kind)


@pytest.fixture
def worker():
    return Worker()


def test_a_turn_and_its_tool_loop(worker):
    first = worker.tell(USER)
    loop = [worker.tell(USER, CALL, RESULT), worker.tell(USER, CALL, RESULT, CALL, RESULT)]
    assert (first.initiator, first.type) == ("user", None)
    assert [request.initiator for request in loop] == ["agent", "agent"]
    assert {(request.session, request.interaction, request.task) for request in (first, *loop)} == {
        (first.session, first.interaction, first.task)
    }
    ids = (first.session, first.interaction, first.task)
    assert len(set(ids)) == 3
    assert all(UUID.fullmatch(id_) for id_ in ids)


def test_the_next_turn_is_another_interaction_of_the_session(worker):
    first = worker.tell(USER)
    second = worker.tell(USER, CALL, MORE)
    assert second.session == first.session
    assert second.interaction != first.interaction
    assert second.task != first.task
    assert worker.tell(USER, CALL, MORE, CALL, RESULT).interaction == second.interaction


def test_another_worker_and_the_next_start_agree(worker):
    for messages in ([USER], [USER, CALL, RESULT], [USER, CALL, MORE], [USER, CALL, MORE, CALL, RESULT]):
        assert worker.tell(*messages) == Worker().tell(*messages)


@pytest.mark.parametrize(
    "other",
    [
        lambda conversation: conversation.tell(USER, caller="you"),
        lambda conversation: conversation.tell({"role": "user", "content": "Hi"}),
        lambda conversation: conversation.tell(USER, system="Be long."),
        lambda conversation: conversation.tell(USER, headers={"session-id": "s"}),
        lambda _: Worker(b"another key").tell(USER),
    ],
    ids=["caller", "words", "system", "session", "key"],
)
def test_a_different_start_is_another_conversation(worker, other):
    one, two = worker.tell(USER), other(worker)
    assert one.session != two.session
    assert one.interaction != two.interaction


@pytest.mark.parametrize("at", [0, 5000, 9999], ids=["start", "middle", "end"])
def test_long_texts_that_differ_anywhere_begin_different_conversations(worker, at):
    text = "word " * 2000
    other = f"{text[:at]}X{text[at + 1 :]}"
    one, two = (worker.tell({"role": "user", "content": content}) for content in (text, other))
    assert one.session != two.session


def test_a_clients_own_name_of_the_session(worker):
    first_header = {"headers": {"session-id": "s"}}
    one, two = worker.tell(USER, **first_header), worker.tell(MORE, system="", **first_header)
    assert one.session == two.session
    assert one.interaction != two.interaction, "another beginning, so another turn"


def test_a_compaction_does_not_end_the_interaction(worker):
    """The conversation begins anew, the turn goes on."""
    first_header = {"headers": {"session-id": "s"}}
    first = worker.tell(USER, **first_header)
    summary = {
        "role": "user",
        "content": "Another language model started to solve this problem and produced a summary of it",
    }
    loop = [worker.tell(summary, **first_header), worker.tell(summary, CALL, RESULT, **first_header)]
    assert [request.initiator for request in loop] == ["agent", "agent"]
    assert {request.interaction for request in loop} == {first.interaction}
    later = worker.tell(summary, CALL, MORE, **first_header)
    assert later.interaction != first.interaction
    assert worker.tell(summary, CALL, MORE, CALL, RESULT, **first_header).interaction == later.interaction


def test_two_loops_of_one_session_are_kept_apart(worker):
    """Each goes on with its own turn, whichever was begun last."""
    first_header = {"headers": {"session-id": "s"}}
    one, two = worker.tell(USER, **first_header), worker.tell(MORE, **first_header)
    assert worker.tell(USER, CALL, RESULT, **first_header).interaction == one.interaction
    assert worker.tell(MORE, CALL, RESULT, **first_header).interaction == two.interaction


def test_subagents_share_the_interaction_and_have_their_own_task(worker):
    """Subagents belong to the interaction that called them, each with a task of its own."""
    main = worker.tell(USER, headers={"session-id": "s", "thread-id": "s"})
    found = {
        name: worker.tell(
            {"role": "user", "content": name},
            headers={"session-id": "s", "thread-id": name, "x-openai-subagent": "collab_spawn"},
        )
        for name in ("one", "two")
    }
    assert {agent.initiator for agent in found.values()} == {"agent"}
    assert {agent.type for agent in found.values()} == {"conversation-subagent"}
    assert {agent.interaction for agent in found.values()} == {main.interaction}
    assert {agent.session for agent in found.values()} == {main.session}
    assert len({main.task, *(agent.task for agent in found.values())}) == 3
    for_replay = worker.tell(
        {"role": "user", "content": "one"},
        CALL,
        RESULT,
        headers={"session-id": "s", "thread-id": "one", "x-openai-subagent": "collab_spawn"},
    )
    assert for_replay == found["one"]
    assert worker.tell(USER, CALL, RESULT, headers={"session-id": "s"}).interaction == main.interaction


def test_subagents_without_a_name_are_told_apart_by_their_texts(worker):
    one, two = (worker.tell({"role": "user", "content": text}, headers=SUBAGENT) for text in ("a", "b"))
    assert one.task != two.task


def test_counting_tokens_begins_no_turn(worker):
    """Counting tokens is nobody's turn."""
    counted = worker.tell(USER, kind=BACKGROUND)
    assert (counted.initiator, counted.type) == ("agent", "conversation-background")
    assert worker.tell(USER).initiator == "user"


def test_an_interaction_is_forgotten_after_its_lifetime(worker):
    first_header = {"headers": {"session-id": "s"}}
    first = worker.tell(USER, **first_header)
    worker.now = 13 * 3600.0
    assert worker.tell(USER, CALL, RESULT, **first_header).interaction == first.interaction, "it follows anew"


def test_half_a_character_is_hashed_too(worker):
    assert worker.tell({"role": "user", "content": "\ud800"}).initiator == "user"


def test_the_key_outlives_the_process(tmp_path):
    found = []
    for _ in range(2):
        store = open_store(tmp_path)
        found.append((machine_of(store), secret_of(store, "signals")))
        store.close()
    assert found[0] == found[1]
    machine, secret = found[0]
    assert UUID.fullmatch(machine)
    assert len(secret) == 32


def test_another_bridge_is_another_machine(tmp_path):
    names = set()
    for name in ("a", "b"):
        store = open_store(tmp_path / name)
        names.add(machine_of(store))
        store.close()
    assert len(names) == 2


def test_a_key_that_is_none_costs_no_response(tmp_path, caplog):
    store = open_store(tmp_path, key=Secret("none"))
    assert UUID.fullmatch(machine_of(store))
    assert "new ids" in caplog.text
    store.close()
