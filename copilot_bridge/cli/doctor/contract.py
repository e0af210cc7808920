"""`copilot-bridge doctor --contract`: tests what models accept, and reports surprises."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import click

from copilot_bridge.admin.contract import Answer, api_of, ask_all, learn, price_of, questions
from copilot_bridge.cli.terminal.console import (
    is_interactive,
    print_json,
    print_table,
    print_wrapped,
    spinner,
)
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import Bridge
from copilot_bridge.pipeline.model_list import chat_models
from copilot_bridge.upstream.recovery.learned import describe

OUTCOMES = {True: "accepted", False: "refused", None: "-"}


@dataclass
class Subject:
    """A model and its answers so far."""

    model: Model
    api: str
    answers: list[Answer] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        return len(questions(self.model, self.api))


def run(bridge: Bridge, names: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Test the models and report.  Results from before an error are kept and reported.

    :raises BridgeError:
    """
    with spinner("Asking Copilot for its models"):
        subjects = chosen(bridge, names)
    if not as_json:
        print_wrapped(cost(subjects))
    if not yes and not is_confirmed():
        return
    failure = ask(bridge, subjects)
    print_json(as_fields(subjects)) if as_json else print_answers(subjects)
    if failure:
        raise failure


def chosen(bridge: Bridge, names: tuple[str, ...]) -> list[Subject]:
    """The models that were named, or all chat models.  Raises ModelNotFound."""
    copilot = bridge.copilot()
    models = [bridge.models.resolve(copilot, name).model for name in names] or chat_models(bridge)
    found = ((model, api_of(model)) for model in models)
    return [Subject(model, api) for model, api in found if api]


def cost(subjects: list[Subject]) -> str:
    """The cost: "At most 45 tiny requests to 3 models: about 45 premium requests, 0.2 AI units"."""
    prices = [price_of(subject.model, subject.number) for subject in subjects]
    requests = sum(subject.number for subject in subjects)
    units = ("premium requests", "AI units")
    sums = [total(parts, unit) for parts, unit in zip(zip(*prices, strict=True), units, strict=False)]
    price = ", ".join(filter(None, sums)) or "Copilot does not say what they cost"
    models = f"{len(subjects)} model{'s' * (len(subjects) != 1)}"
    return f"At most {requests} tiny requests to {models}: {price}. Refused requests should cost nothing."


def total(prices: Iterable[float | None], unit: str) -> str:
    """The sum with a note on unknown prices; "" if none is known."""
    given = list(prices)
    known = [price for price in given if price is not None]
    missing = f" (without {len(given) - len(known)} models that have no such price)"
    return f"about {sum(known):.3g} {unit}{missing if len(known) < len(given) else ''}" if known else ""


def is_confirmed() -> bool:
    if not is_interactive():
        raise click.UsageError("this needs a confirmation, but stdin is not a terminal: add --yes")
    return click.confirm("Send them?", default=False)


def ask(bridge: Bridge, subjects: list[Subject]) -> BridgeError | None:
    """Ask each model all questions.  Returns the error that ended this early, if any."""
    for subject in subjects:
        try:
            with spinner(f"Asking {subject.model.id}"):
                subject.answers += ask_all(bridge, subject.model, subject.api)
        except BridgeError as error:
            return error
        lessons = learn(bridge, subject.model, subject.api, subject.answers)
        subject.learned = [describe(lesson) for lesson in lessons]
        bridge.learned.flush()
    return None


def print_answers(subjects: list[Subject]) -> None:
    for subject in subjects:
        rows = [row_of(answer) for answer in subject.answers]
        print_table(
            ("ASKED FOR", "ANSWER", "KNOWN AS", ""), rows, title=f"{subject.model.id} ({subject.api})"
        )
    differences = list(differences_of(subjects))
    click.echo(
        f"{len(differences)} differences from the catalogue:"
        if differences
        else "No differences from the catalogue."
    )
    for line in differences:
        print_wrapped(line, "  ")
    print_wrapped(
        "The bridge uses these results for a week, for this account; `copilot-bridge doctor --forget` "
        "clears them."
    )


def row_of(answer: Answer) -> tuple[str, str, str, str]:
    known = answer.question.known
    return (
        answer.question.name,
        OUTCOMES[answer.accepted],
        OUTCOMES[known],
        " ".join(answer.reason.split())[:120],
    )


def differences_of(subjects: list[Subject]) -> Iterable[str]:
    for subject in subjects:
        for answer in subject.answers:
            if answer.differs:
                outcome = OUTCOMES[answer.accepted]
                yield f"{subject.model.id} ({subject.api}): {answer.question.name} is {outcome}"


def as_fields(subjects: list[Subject]) -> dict[str, Any]:
    return {
        "requests": sum(answer.accepted is not None for subject in subjects for answer in subject.answers),
        "models": [
            {
                "model": subject.model.id,
                "api": subject.api,
                "answers": [
                    {
                        "question": answer.question.name,
                        "accepted": answer.accepted,
                        "known": answer.question.known,
                        "differs": answer.differs,
                        "reason": answer.reason,
                    }
                    for answer in subject.answers
                ],
                "learned": subject.learned,
            }
            for subject in subjects
        ],
    }
