"""What was found out about a model by asking it, and is believed more than what is known of such models.

It is kept with what refusals have taught, and as long.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.learned import FACT, Lesson

Values = tuple[str, ...]

EFFORT, THINKING, NEVER_OFF = "efforts", "thinking_types", "efforts_needing_thinking"
SYSTEM, PREFILL, CUSTOM, DEVELOPER = "system_messages", "prefill", "custom_tools", "developer_role"
FORMS = ("enabled", "adaptive", "disabled")
YES, NO = ("yes",), ("no",)


def ranked(values: Values) -> Values:
    return tuple(each for each in EFFORTS if each in values)


# Fields of `ModelProfile` -> how what was found is said there.
READ: dict[str, Callable[[Values], Any]] = {
    EFFORT: ranked,
    THINKING: frozenset,
    NEVER_OFF: ranked,
    **{name: lambda values: values == YES for name in (SYSTEM, PREFILL, CUSTOM, DEVELOPER)},
}


def fact(name: str, values: Iterable[str]) -> Lesson:
    return Lesson(FACT, name, ",".join(values))


def as_found(model: Model, lessons: Iterable[Lesson]) -> Model:
    """The model as it was found to be."""
    found = {each.subject: tuple(filter(None, each.value.split(","))) for each in lessons if each.act == FACT}
    if not found:
        return model
    values = {name: READ[name](given) for name, given in found.items() if name in READ}
    supports = dict(model.supports)
    if THINKING in values:
        supports["adaptive_thinking"] = "adaptive" in values[THINKING]
    return replace(model, profile=replace(model.profile, **values), supports=supports)
