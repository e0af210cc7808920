"""`doctor --contract`: probing what models accept, and the lessons that are listed and forgotten."""

import json
import re
import time

import pytest
from integration.harness import new_token

from copilot_bridge.admin import contract
from copilot_bridge.admin.contract import Answer, Question, lessons_of, price_of, questions
from copilot_bridge.config import load_config
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import Bridge
from copilot_bridge.upstream.error_mapping import read_refusal
from copilot_bridge.upstream.recovery.learned import Lesson
from copilot_bridge.upstream.recovery.probed_facts import probed_fact, with_probed_facts

OPUS, CODEX, GEMINI = "claude-opus-4.6", "gpt-5.3-codex", "gemini-3.1-pro-preview"


def ask(run, token, *models, **environ):
    result = run("doctor", "--contract", *models, "--yes", "--json", "-g", token, **environ)
    assert result.code == 0, result.err
    return {model["model"]: model for model in json.loads(result.out)["models"]}


def debug(run, token):
    return json.loads(run("debug", "--json", "-g", token).out)["learned"]


def test_each_model_is_probed_in_its_own_api(run):
    token = new_token()
    reports = ask(run, token, OPUS, CODEX, GEMINI)
    assert {name: report["api"] for name, report in reports.items()} == {
        OPUS: "messages",
        CODEX: "responses",
        GEMINI: "chat",
    }
    opus = {answer["question"]: answer["accepted"] for answer in reports[OPUS]["answers"]}
    assert opus["any request"] is opus["effort max"] is opus["a forced tool"] is True
    assert opus["effort xhigh"] is opus["system in the middle"] is False
    assert opus["thinking disabled, effort xhigh"] is None, "it was asked though it can't be had"
    assert "found efforts: low,medium,high,max" in reports[OPUS]["learned"]
    assert "found system_messages: no" in reports[OPUS]["learned"]
    listed = debug(run, token)
    assert {(lesson["model"], lesson["api"]) for lesson in listed} >= {
        (OPUS, "messages"),
        (CODEX, "responses"),
    }
    assert all(lesson["until"] - lesson["since"] == 7 * 24 * 3600 for lesson in listed)


def test_lessons_are_listed_and_forgotten(run):
    token = new_token()
    learned = ask(run, token, CODEX)[CODEX]["learned"]
    assert [report["learned"] for report in debug(run, token)] == learned
    shown = run("debug", "-g", token).out
    assert re.search(rf"{CODEX} +responses +found efforts: \S+ +.* 20\d\d-", shown)
    assert json.loads(run("doctor", "--forget", "--json").out) == {"forgotten": len(learned)}
    assert run("doctor", "--forget").out.startswith("Cleared 0 ")
    assert debug(run, token) == []
    assert "No limits have been learned" in run("debug", "-g", token).out


def test_the_cost_is_shown_first(run, simulator):
    began = time.time()
    result = run("doctor", "--contract", OPUS, "-g", new_token())
    assert result.code == 2
    assert "--yes" in result.err
    assert re.match(r"At most \d+ tiny requests to 1 model: about [\d.]+ AI units\.", result.out)
    assert simulator.ledger(path="/v1/messages", started=began) == []


def test_the_contract_is_reported_in_words(run):
    result = run("doctor", "--contract", CODEX, "--yes", "-g", new_token())
    assert result.code == 0
    assert f"{CODEX} (responses)" in result.out
    assert re.search(r"effort max +refused +", result.out)
    assert "for a week" in result.out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("nosuch", "--contract", "--yes"), "nosuch"),
        (("claude-opus-4.6",), "--contract"),
    ],
)
def test_invalid_arguments_are_refused(run, given, message):
    result = run("doctor", *given, "-g", new_token())
    assert result.code in (1, 2)
    assert message in result.err


@pytest.fixture
def bridge(home, simulator):
    usual = {"HOME": home, "GITHUB_URL": simulator.url, "GITHUB_API_URL": simulator.url}
    given = {f"COPILOT_BRIDGE_{name}": str(value) for name, value in usual.items()}
    return Bridge(load_config({}, {**given, "COPILOT_BRIDGE_GITHUB_TOKEN": new_token()}))


def model_of(bridge, name):
    return bridge.models.resolve(bridge.copilot(), name).model


def test_the_contract_ends_where_nothing_can_be_asked(bridge, monkeypatch):
    """A limit says nothing about the model."""

    def refuse(*_args, **_more):
        raise read_refusal(429, {}, b'{"error": {"message": "slow", "code": "user_weekly_rate_limited"}}')

    model = model_of(bridge, OPUS)
    monkeypatch.setattr("copilot_bridge.upstream.copilot.Copilot.send", refuse)
    with pytest.raises(BridgeError, match="slow"):
        list(contract.ask_all(bridge, model, "messages"))


def test_after_a_general_refusal_no_more_is_asked(bridge, monkeypatch):
    asked = []

    def refuse(*_args, **_more):
        asked.append(1)
        raise read_refusal(400, {}, b"no")

    model = model_of(bridge, OPUS)
    monkeypatch.setattr("copilot_bridge.upstream.copilot.Copilot.send", refuse)
    answers = list(contract.ask_all(bridge, model, "messages"))
    assert [answer.accepted for answer in answers] == [False, *[None] * (len(answers) - 1)]
    assert len(asked) == 1
    assert lessons_of(answers) == []


def test_unanswered_questions_teach_nothing():
    """A fact is believed only if all its parts are known."""
    low, high = Question("effort low", {}, "efforts", "low"), Question("effort high", {}, "efforts", "high")
    assert lessons_of([Answer(low, True), Answer(high, False)]) == [probed_fact("efforts", ["low"])]
    assert lessons_of([Answer(low, True), Answer(high, None, "502")]) == []
    assert lessons_of([Answer(low, False), Answer(high, False)]) == [Lesson("fact", "efforts", "")]
    begun = Question("a prefilled response", {}, "prefill")
    assert lessons_of([Answer(begun, True)]) == [probed_fact("prefill", ["yes"])]
    assert lessons_of([Answer(begun, False)]) == [probed_fact("prefill", ["no"])]
    off = Question("thinking disabled, effort max", {}, "efforts_needing_thinking", "max")
    assert lessons_of([Answer(off, False)]) == [probed_fact("efforts_needing_thinking", ["max"])]
    assert lessons_of([Answer(off, True)]) == [probed_fact("efforts_needing_thinking", [])]
    schema = Question(contract.FORM, {})
    assert lessons_of([Answer(schema, False)]) == [Lesson("output by tool")]


def row(**more):
    return Model.read({"id": "m", "vendor": "Anthropic", "supported_endpoints": ["/v1/messages"], **more})


def test_the_price_of_questions_is_estimated():
    dear = row(billing={"multiplier": 3})
    assert price_of(dear, 10) == (30, None)
    priced = row(
        billing={"token_prices": {"input_price": 500, "output_price": 2500, "batch_size": 1_000_000}}
    )
    premium, units = price_of(priced, 10)
    assert premium is None
    assert units == pytest.approx(10 * (60 * 500 + 20 * 2500) / 1e6)
    assert price_of(row(), 10) == (None, None)


def test_each_question_is_another_one():
    for api in ("messages", "responses", "chat"):
        asked = questions(row(), api)
        assert len({question.name for question in asked}) == len(asked)
        assert len({json.dumps(question.body) for question in asked}) == len(asked)


def test_probed_facts_replace_those_of_the_catalogue():
    known = row(capabilities={"supports": {"reasoning_effort": ["low", "high"], "adaptive_thinking": True}})
    assert with_probed_facts(known, []) is known
    assert with_probed_facts(known, [Lesson("leave out", "top_k")]) is known
    found = with_probed_facts(
        known,
        [
            probed_fact("efforts", ["max", "low"]),
            probed_fact("thinking_types", ["enabled"]),
            probed_fact("system_messages", ["yes"]),
            probed_fact("prefill", ["no"]),
            probed_fact("efforts_needing_thinking", ["max"]),
            probed_fact("a fact of tomorrow", ["yes"]),
        ],
    ).profile
    assert (found.efforts, found.thinking_types) == (("low", "max"), frozenset({"enabled"}))
    assert (found.system_messages, found.prefill, found.efforts_needing_thinking) == (True, False, ("max",))
    assert with_probed_facts(known, [probed_fact("efforts", [])]).profile.efforts == ()


def test_a_request_is_fitted_to_what_was_found(run, start_bridge, simulator, mark, home):
    """By a bridge of the same store and account."""
    token = new_token()
    ask(run, token, GEMINI)
    bridge = start_bridge(server="gevent", home=home, github_token=token)
    answer = bridge.chat(f"hello {mark}", GEMINI, reasoning_effort="minimal")
    assert answer.status == 200
    taken = {answer["question"]: answer["accepted"] for answer in ask(run, token, GEMINI)[GEMINI]["answers"]}
    expected = "minimal" if taken["effort minimal"] else "low"
    assert simulator.only(mark)["body"]["reasoning_effort"] == expected
