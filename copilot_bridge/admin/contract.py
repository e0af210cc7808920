"""Tests what each model accepts, with tiny requests.

Each question is a request that Copilot answers or refuses.  They are sent as they are, without adaptation and
without recovery.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from copilot_bridge.billing.prices import MILLION
from copilot_bridge.dialects import codec
from copilot_bridge.dialects.messages.dialect import MESSAGES
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.errors import KindName
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.upstream.error_mapping import Refusal
from copilot_bridge.upstream.quirks import chat as chat_quirks
from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.learned import Lesson
from copilot_bridge.upstream.recovery.probed_facts import (
    CUSTOM,
    DEVELOPER,
    EFFORT,
    FORMS,
    NEVER_OFF,
    NO,
    PREFILL,
    SYSTEM,
    THINKING,
    YES,
    probed_fact,
)
from copilot_bridge.upstream.signals import USER, Signals
from copilot_bridge.upstream.transport.bodies import read_whole

Json = dict[str, Any]

# The approximate tokens of a question: of its request, and of its response.
TOKENS_IN, TOKENS_OUT = 60, 20
TINY, MIN_BUDGET = 16, 1024

PROMPT = "Say ok"
SCHEMA: Json = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
MESSAGE = {"role": "user", "content": PROMPT}
BRIEF = {"role": "system", "content": "Be brief."}

# Refusals that say nothing about the request.
NO_DECISION: tuple[KindName, ...] = ("unavailable", "overloaded", "timeout")
REFUSED: tuple[KindName, ...] = ("invalid_request", "unsupported", "not_found", "content_filter")


class Question(Struct, frozen=True):
    """A tiny request, and the fact that Copilot's decision on it shows.

    :param name: the tested feature, as `effort high`.
    :param about: the fact that it tests; "": none. :param value: the tested value of that fact.
    :param known: what the bridge assumes; None: nothing.
    :param after: names of the questions that must be accepted before this one is asked.
    """

    name: str
    body: Json
    about: str = ""
    value: str = ""
    known: bool | None = None
    after: tuple[str, ...] = ()


class Answer(Struct, frozen=True):
    """The result of a question.

    :param accepted: None: it was not asked, or Copilot made no decision. :param reason: why not.
    """

    question: Question
    accepted: bool | None
    reason: str = ""

    @property
    def differs(self) -> bool:
        known = self.question.known
        return known is not None and self.accepted is not None and known != self.accepted


def api_of(model: Model) -> str | None:
    """Return the API in which most features can be tested."""
    return MESSAGES.pick_upstream(model.dialects)


def questions(model: Model, api: str) -> list[Question]:
    return list(QUESTIONS[api](model))


def of_messages(model: Model) -> Iterator[Question]:
    base = {"model": model.id, "max_tokens": TINY, "messages": [MESSAGE]}
    yield Question(BASE, base, known=True)
    efforts, forms = model.profile.efforts or (), model.profile.thinking_types
    for effort in EFFORTS[2:]:
        body = base | {"output_config": {"effort": effort}}
        yield Question(f"effort {effort}", body, EFFORT, effort, effort in efforts)
    for form in FORMS:
        body = base | thinking(form)
        yield Question(f"thinking {form}", body, THINKING, form, form in forms)
    for effort in EFFORTS[-2:]:
        after = ("thinking disabled", f"effort {effort}")
        body = base | thinking("disabled") | {"output_config": {"effort": effort}}
        known = effort not in model.profile.efforts_needing_thinking
        yield Question(f"thinking disabled, effort {effort}", body, NEVER_OFF, effort, known, after)
    yield flag(model, "system in the middle", base | {"messages": [MESSAGE, BRIEF]}, SYSTEM)
    begun = {"role": "assistant", "content": "o"}
    yield flag(model, "a prefilled response", base | {"messages": [MESSAGE, begun]}, PREFILL)
    tools = {"tools": [{"name": "note", "input_schema": {"type": "object", "properties": {}}}]}
    yield Question("tools", base | tools, known=True)
    yield Question("a forced tool", base | tools | {"tool_choice": {"type": "any"}}, known=True)
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    yield Question(FORM, base | {"output_config": wanted}, known=True)


def flag(model: Model, name: str, body: Json, about: str) -> Question:
    return Question(name, body, about, known=getattr(model.profile, about))


def thinking(form: str) -> Json:
    if form == "enabled":
        budget = {"type": "enabled", "budget_tokens": MIN_BUDGET}
        return {"thinking": budget, "max_tokens": MIN_BUDGET + TINY}
    return {"thinking": {"type": form}}


def of_responses(model: Model) -> Iterator[Question]:
    message = {"type": "message", **MESSAGE}
    base: Json = {"model": model.id, "max_output_tokens": TINY, "store": False, "input": [message]}
    yield Question(BASE, base, known=True)
    yield from by_effort(model, lambda effort: base | {"reasoning": {"effort": effort}})
    yield Question(
        "system in the middle", base | {"input": [message, {"type": "message", **BRIEF}]}, known=True
    )
    tools = {
        "tools": [{"type": "function", "name": "note", "parameters": {"type": "object", "properties": {}}}]
    }
    yield Question("tools", base | tools, known=True)
    yield Question("a forced tool", base | tools | {"tool_choice": "required"}, known=True)
    yield flag(model, "a free-form tool", base | {"tools": [{"type": "custom", "name": "note"}]}, CUSTOM)
    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    yield Question(FORM, base | {"text": {"format": form}}, known=True)


def of_chat(model: Model) -> Iterator[Question]:
    base: Json = {"model": model.id, "max_tokens": TINY, "messages": [MESSAGE]}
    chat_quirks.limit_output(base, model)
    yield Question(BASE, base, known=True)
    yield from by_effort(model, lambda effort: base | {"reasoning_effort": effort})
    developer = {"role": "developer", "content": "Be brief."}
    yield flag(model, "the developer's role", base | {"messages": [developer, MESSAGE]}, DEVELOPER)
    function = {"name": "note", "parameters": {"type": "object", "properties": {}}}
    tools = {"tools": [{"type": "function", "function": function}]}
    yield Question("tools", base | tools, known=True)
    yield Question("a forced tool", base | tools | {"tool_choice": "required"}, known=True)
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    yield Question(FORM, base | {"response_format": form}, known=True)


def by_effort(model: Model, write: Callable[[str], Json]) -> Iterator[Question]:
    known = model.profile.efforts
    for effort in EFFORTS:
        listed = None if known is None else effort in known
        yield Question(f"effort {effort}", write(effort), EFFORT, effort, listed)


BASE, FORM = "any request", "output by a schema"
QUESTIONS: dict[str, Callable[[Model], Iterator[Question]]] = {
    "messages": of_messages,
    "responses": of_responses,
    "chat": of_chat,
}


def price_of(model: Model, number: int) -> tuple[float | None, float | None]:
    """Estimate the price of questions as (premium requests, AI units).  None: Copilot names no price."""
    premium = None if model.multiplier is None else model.multiplier * number
    tier = model.prices.usual if model.prices else None
    if tier is None:
        return premium, None
    return premium, number * (TOKENS_IN * tier.given + TOKENS_OUT * (tier.out or 0.0)) / MILLION


def ask_all(bridge: Bridge, model: Model, api: str) -> Iterator[Answer]:
    """Ask all questions, one after the other.  Raises BridgeError: the others would fail, too."""
    refusal_texts: dict[str, bool | None] = {}
    for question in questions(model, api):
        after = (BASE, *question.after) if question.name != BASE else ()
        if all(refusal_texts.get(name) for name in after):
            answer = ask(bridge, model, api, question)
        else:
            answer = Answer(question, None, "not asked")
        refusal_texts[question.name] = answer.accepted
        yield answer


def ask(bridge: Bridge, model: Model, api: str, question: Question) -> Answer:
    headers = dict(model.headers) | ({"anthropic-version": "2023-06-01"} if api == "messages" else {})
    try:
        response = bridge.copilot().send(
            "POST",
            DIALECTS[api].upstream_path,
            codec.write(question.body),
            headers,
            signals=asked_by_a_person(),
        )
    except Refusal as refusal:
        if refusal.kind in REFUSED:
            return Answer(question, False, str(refusal))
        if refusal.kind in NO_DECISION:
            return Answer(question, None, str(refusal))
        raise
    read_whole(response)
    return Answer(question, True)


def asked_by_a_person() -> Signals:
    """Return the signals of a person's request in a conversation of its own, as GitHub counts a question."""
    session, interaction, task = (str(uuid.uuid4()) for _ in range(3))
    return Signals(USER, session, interaction, task)


def lessons_of(answers: list[Answer]) -> list[Lesson]:
    """Derive lessons from answers.  A fact needs an answer to each of its questions."""
    found = []
    for name in dict.fromkeys(answer.question.about for answer in answers if answer.question.about):
        asked = [answer for answer in answers if answer.question.about == name]
        if all(answer.accepted is not None for answer in asked):
            found.append(probed_fact(name, COLLECTORS.get(name, as_flag)(asked)))
    if any(answer.question.name == FORM and answer.accepted is False for answer in answers):
        found.append(Lesson("output by tool"))
    return found


def accepted_values(asked: list[Answer]) -> Iterable[str]:
    return (answer.question.value for answer in asked if answer.accepted)


def refused_values(asked: list[Answer]) -> Iterable[str]:
    return (answer.question.value for answer in asked if not answer.accepted)


def as_flag(asked: list[Answer]) -> Iterable[str]:
    return YES if all(answer.accepted for answer in asked) else NO


# Fact -> the values of it in its answers.  All other facts are true or false.
COLLECTORS: dict[str, Callable[[list[Answer]], Iterable[str]]] = {
    EFFORT: accepted_values,
    THINKING: accepted_values,
    NEVER_OFF: refused_values,
}


def learn(bridge: Bridge, model: Model, api: str, answers: list[Answer]) -> list[Lesson]:
    lessons = lessons_of(answers)
    bridge.learned.learn(bridge.copilot().account.fingerprint, api, model.id, *lessons)
    return lessons
