"""Facts that were found by probing a model; they take precedence over its profile.

They are kept together with the lessons of refusals, and as long.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.learned import FACT, Lesson

Values = tuple[str, ...]

EFFORT, THINKING, NEVER_OFF = "efforts", "thinking_types", "efforts_needing_thinking"
SYSTEM, PREFILL, CUSTOM, DEVELOPER = "system_messages", "prefill", "custom_tools", "developer_role"
FORMS = ("enabled", "adaptive", "disabled")
YES, NO = ("yes",), ("no",)


def ranked(values: Values) -> Values:
    return tuple(effort for effort in EFFORTS if effort in values)


# Fields of `ModelProfile` -> the converter of the found values.
CONVERTERS: dict[str, Callable[[Values], Any]] = {
    EFFORT: ranked,
    THINKING: frozenset,
    NEVER_OFF: ranked,
    **{name: lambda values: values == YES for name in (SYSTEM, PREFILL, CUSTOM, DEVELOPER)},
}


def probed_fact(name: str, values: Iterable[str]) -> Lesson:
    return Lesson(FACT, name, ",".join(values))


def with_probed_facts(model: Model, lessons: Iterable[Lesson]) -> Model:
    """The model with the facts that were found by probing."""
    facts = [lesson for lesson in lessons if lesson.act == FACT]
    found = {fact.subject: tuple(filter(None, fact.value.split(","))) for fact in facts}
    if not found:
        return model
    values = {name: CONVERTERS[name](given) for name, given in found.items() if name in CONVERTERS}
    supports = dict(model.supports)
    if THINKING in values:
        supports["adaptive_thinking"] = "adaptive" in values[THINKING]
    return replace(model, probed=values, supports=supports)
