"""Each request of a conversation gets a verdict on the prompt cache; the log holds no text."""

from typing import Any

import pytest

from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.prices import Prices, Tier
from copilot_bridge.billing.prompt_cache import PromptDigests, cost_of_miss, words
from copilot_bridge.dialects.prompt_digests import PromptFields
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.prompt_in_flight import PromptHashes, PromptInFlight
from copilot_bridge.store import Store, open_store
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.upstream.signals import USER, Signals

PRICE = {"input_price": 500, "cache_price": 50, "cache_write_price": 625, "output_price": 2500}


def model_named(name: str) -> Model:
    claude = name.startswith("claude")
    row = {"id": name, "vendor": "Anthropic" if claude else "OpenAI", "model_picker_enabled": True}
    return Model.read(row | {"billing": {"token_prices": PRICE | {"batch_size": 1_000_000}}})


GPT, OTHER, CLAUDE = (model_named(name) for name in ("gpt-5.4", "gpt-5.4-mini", "claude-opus-5"))
MARK = {"cache_control": {"type": "ephemeral"}}
TOOLS = [{"type": "function", "name": f"tool_{number}", "parameters": {}} for number in range(19)]
CHANGED_TOOLS = [*TOOLS[:17], *({"type": "function", "name": f"new_{number}"} for number in range(2))]


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def model_said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


TALK = [user("Fix it."), *(turn(str(n)) for n in range(7) for turn in (model_said, user))]  # 15 messages
MORE = [*TALK, model_said("Done."), user("Thanks.")]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Fix it."} | MARK]}, *MORE[1:]]
EDITED = [*MORE[:13], model_said("no"), *MORE[14:]]
SYSTEM = {"role": "system", "content": "Be short."}

Sent = tuple[float, dict[str, Any], Model, int, int]
"""Minutes since the conversation began, body, model, tokens of the prompt, and those read from the cache."""


def chat(
    at: float,
    messages: list[Any],
    cached: int,
    tokens: int = 10_000,
    model: Model = GPT,
    **more: Any,
) -> Sent:
    return at, {"messages": messages, **more}, model, tokens, cached


# Name -> the requests of a conversation, and the verdict on the last one.
CONVERSATIONS: dict[str, tuple[list[Sent], str]] = {
    "the first": ([chat(0, TALK, 0)], "first"),
    "the first, whose tools are cached": ([chat(0, TALK, 4000)], "hit 40 %"),
    "as it should be": ([chat(0, TALK, 0), chat(1, MORE, 9300)], "hit 93 %"),
    "the same again": ([chat(0, TALK, 0), chat(1, TALK, 9999)], "hit 99 %"),
    "another model": ([chat(0, TALK, 0), chat(1, MORE, 0, model=OTHER)], "model changed"),
    "back to the model": (
        [chat(0, TALK, 0), chat(1, MORE, 0, model=OTHER), chat(2, MORE, 0, model=GPT)],
        "model changed",
    ),
    "other tools": (
        [chat(0, TALK, 0, tools=TOOLS), chat(1, MORE, 0, tools=CHANGED_TOOLS)],
        "tools changed (2 of 19)",
    ),
    "a tool less": (
        [chat(0, TALK, 0, tools=TOOLS), chat(1, MORE, 0, tools=TOOLS[:-1])],
        "tools changed (1 of 19)",
    ),
    "tools in another order": (
        [chat(0, TALK, 0, tools=TOOLS), chat(1, MORE, 0, tools=TOOLS[::-1])],
        "tools changed (their order)",
    ),
    "another system prompt": (
        [chat(0, [SYSTEM, *TALK], 0), chat(1, [SYSTEM | {"content": "It is 12:01."}, *MORE], 0)],
        "system changed",
    ),
    "an edited message": ([chat(0, TALK, 0), chat(1, EDITED, 3000)], "message 14 changed"),
    "an edit near the end": ([chat(0, TALK, 0), chat(1, EDITED, 9000)], "hit 90 %"),
    "a pause": ([chat(0, TALK, 0), chat(7, MORE, 0)], "expired after 7 min"),
    "a pause, but the tools are cached": (
        [chat(0, TALK, 0), chat(7, MORE, 2000)],
        "expired after 7 min",
    ),
    "a pause that the cache outlived": ([chat(0, TALK, 0), chat(30, MORE, 9000)], "hit 90 %"),
    "no breakpoints": ([chat(0, TALK, 0, model=CLAUDE), chat(1, MORE, 0, model=CLAUDE)], "no breakpoints"),
    "marks move, and a text becomes a part": (
        [chat(0, TALK, 0, model=CLAUDE), chat(1, PARTS, 9000, model=CLAUDE)],
        "hit 90 %",
    ),
    "marked, unchanged and yet not cached": (
        [chat(0, PARTS, 0, model=CLAUDE), chat(1, MORE, 0, model=CLAUDE, tools=[])],
        "no breakpoints",
    ),
    "a small prompt": ([chat(0, TALK, 0, 700), chat(1, MORE, 0, 800)], "too short"),
    "a subagent between": (
        [chat(0, TALK, 0), chat(1, [user("You are a searcher.")], 0), chat(2, MORE, 9000)],
        "hit 90 %",
    ),
    "a subagent begins": ([chat(0, TALK, 0), chat(1, [user("You are a searcher.")], 0)], "first"),
    "a summary in place of the messages": (
        [chat(0, MORE, 0), chat(1, [user("In short: it works."), model_said("Good."), user("On.")], 0)],
        "message 1 changed",
    ),
    "not cached for no reason that shows": ([chat(0, TALK, 0), chat(1, MORE, 0)], "not cached"),
}


def digests_of(prompt: PromptInFlight) -> PromptDigests:
    found = prompt.digest()
    assert found
    return found


HASHES = PromptHashes(lambda: b"k" * 32)
FIELDS = PromptFields("messages")


def log(store: Store, sent: Sent, *, named: bool = True, id_: str = "", fields: PromptFields = FIELDS) -> Any:
    """The row of a request in the log."""
    minutes, body, model, tokens, cached = sent
    signals = Signals(USER, "a conversation", "", "", named=named)
    at = 1_700_000_000.0 + 60 * minutes
    entry = RequestLogEntry("127.0.0.1", "POST", "/v1/chat/completions", id=id_ or str(at), at=at)
    entry.tokens_in, entry.tokens_cached = tokens, cached
    use = PromptInFlight(HASHES, body, fields, signals, "key:friend").use(entry, model)
    assert use
    store.request_log.write([RequestLogRow(entry.id, at)], {entry.id: use})
    return store.request_log.find(entry.id)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_last_request_of_a_conversation_has_its_verdict(name: str) -> None:
    conversation, expected = CONVERSATIONS[name]
    store = open_store(None, persistent=False)
    rows = [log(store, sent) for sent in conversation]
    assert words(rows[-1].verdict, rows[-1].verdict_detail) == expected
    missed = not expected.startswith(("hit", "first", "too short"))
    assert bool(rows[-1].lost_nano_aiu) == missed
    store.close()


def test_conversations_without_a_name_are_known_by_their_first_message() -> None:
    store = open_store(None, persistent=False)
    log(store, chat(0, [SYSTEM, *TALK], 0), named=False)
    log(store, chat(1, [user("Something else."), *TALK[1:]], 0), named=False)
    changed = log(store, chat(2, [SYSTEM | {"content": "It is 12:01."}, *MORE], 0), named=False)
    assert changed.verdict == "system_changed"
    store.close()


def test_every_api_names_its_parts() -> None:
    """The same prompt, as each of Copilot's APIs has it."""
    bodies = {
        "chat": {"messages": [SYSTEM, user("hello")]},
        "messages": {"system": [{"type": "text", "text": "Be short."}], "messages": [user("hello")]},
        "responses": {"instructions": "Be short.", "input": "hello"},
    }
    found = {}
    for name, body in bodies.items():
        api = DIALECTS[name].upstream
        assert api
        assert api.prompt_fields
        prompt = PromptInFlight(HASHES, body, api.prompt_fields, Signals(USER, "", "", ""), "")
        found[name] = digests_of(prompt)
    assert len(found["chat"].messages) == len(found["messages"].messages) == len(found["responses"].messages)
    assert found["chat"].messages == found["messages"].messages
    assert len({digests.system for digests in found.values()}) > 1  # a role is a part of it, too
    completions = DIALECTS["completions"].upstream
    assert completions
    assert completions.prompt_fields is None


def test_a_batch_is_judged_in_the_order_of_arrival() -> None:
    store = open_store(None, persistent=False)
    uses, rows = {}, []
    for minutes, messages in ((1, MORE), (0, TALK)):
        at = 1_700_000_000.0 + 60 * minutes
        entry = RequestLogEntry("", "POST", "/", id=f"at {minutes}", at=at, tokens_in=5000, tokens_cached=0)
        prompt = PromptInFlight(HASHES, {"messages": messages}, FIELDS, Signals(USER, "", "", ""), "")
        use = prompt.use(entry, GPT)
        assert use
        uses[entry.id] = use
        rows.append(RequestLogRow(entry.id, at))
    store.request_log.write(rows, uses)
    assert {row.id: row.verdict for row in store.request_log.latest()} == {
        "at 0": "first",
        "at 1": "unexplained",
    }
    store.close()


def test_no_text_of_the_prompt_is_kept() -> None:
    secret = "a secret that nobody may read"
    prompt = PromptInFlight(
        HASHES, {"messages": [user(secret)]}, FIELDS, Signals(USER, "", "", ""), "key:friend"
    )
    entry = RequestLogEntry("", "POST", "/", tokens_in=10)
    store = open_store(None, persistent=False)
    use = prompt.use(entry, GPT)
    assert use
    store.request_log.write([RequestLogRow(entry.id, entry.at)], {entry.id: use})
    assert secret not in repr(use)
    assert "friend" not in use.thread
    others = PromptHashes(lambda: b"x" * 32)
    body = {"messages": [user(secret)]}
    other = PromptInFlight(others, body, FIELDS, Signals(USER, "", "", ""), "key:friend")
    assert other.digest() != prompt.digest()  # without the key nobody can try out what was said
    store.close()


def test_a_miss_costs_what_reading_from_the_cache_would_have_saved() -> None:
    prices = Prices(Tier(500, 50, 625, 2500))
    fresh = TokenCounts(10_000, 100)
    written = TokenCounts(10_000, 100, written=10_000)
    assert cost_of_miss(prices, fresh, 8000) == 8000 * (500 - 50) * 1000
    assert cost_of_miss(prices, written, 8000) == 8000 * (625 - 50) * 1000
    assert cost_of_miss(None, fresh, 8000) is None


LONG = "The quick brown fox. " * 10_000
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 10_000
# Two texts that differ -> the change.
DIFFERENT = {
    "short": ("a", "b"),
    "in the middle of a long one": (LONG, LONG[:100_000] + "X" + LONG[100_001:]),
    "in the middle, without spaces": ("字" * 100_000, "字" * 50_000 + "句" + "字" * 49_999),
    "at the end of a picture": (PICTURE, PICTURE[:-9] + "AAAAAAAAA"),
    "half a surrogate pair": ("\ud800" * 5000, "\ud801" * 5000),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_texts_that_differ_have_other_digests(name: str) -> None:
    found = set()
    for text in DIFFERENT[name]:
        parts = [user(text), user([{"type": "image_url", "image_url": {"url": text}}])]
        for message in parts:
            prompt = PromptInFlight(HASHES, {"messages": [message]}, FIELDS, Signals(USER, "", "", ""), "")
            found.add(digests_of(prompt).messages)
    assert len(found) == 4


def test_a_prompt_of_no_usual_form_costs_no_response() -> None:
    nested: list[Any] = []
    for _ in range(2000):
        nested = [nested]
    for body in ({"messages": [user(nested)]}, {"messages": [user("hello")], "tools": 3}):
        prompt = PromptInFlight(HASHES, body, FIELDS, Signals(USER, "", "", ""), "")
        assert prompt.digest() is None
        assert prompt.use(RequestLogEntry("", "POST", "/", tokens_in=10), GPT) is None
