"""What was found out about a model by asking it, and is believed more than what is known of such models.

It is kept with what refusals have taught, and as long.
"""

from collections.abc import Iterable
from dataclasses import replace

from copilot_bridge.upstream.models import Model
from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.learned import FACT, Lesson

EFFORT, THINKING = "efforts", "thinking"
FORMS = ("enabled", "adaptive", "disabled")


def fact(name: str, values: Iterable[str]) -> Lesson:
    return Lesson(FACT, name, ",".join(values))


def as_found(model: Model, lessons: Iterable[Lesson]) -> Model:
    """The model as it was found to be."""
    found = {each.subject: tuple(filter(None, each.value.split(","))) for each in lessons if each.act == FACT}
    if not found:
        return model
    supports = dict(model.supports)
    if EFFORT in found:
        supports["reasoning_effort"] = [each for each in EFFORTS if each in found[EFFORT]]
    if THINKING in found:
        supports["adaptive_thinking"] = "adaptive" in found[THINKING]
    return replace(model, supports=supports)


def efforts_of(model: Model) -> tuple[str, ...] | None:
    """None: nobody has said."""
    listed = model.supports.get("reasoning_effort")
    return tuple(listed) if isinstance(listed, list) else None


def forms_of(model: Model) -> frozenset[str]:
    """Of thinking, in Messages."""
    form = "adaptive" if model.supports.get("adaptive_thinking") else "enabled"
    return frozenset({form, "disabled"})
