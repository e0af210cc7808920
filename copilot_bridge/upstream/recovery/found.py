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
    facts, supports = model.facts, dict(model.supports)
    if EFFORT in found:
        facts = replace(facts, efforts=tuple(each for each in EFFORTS if each in found[EFFORT]))
    if THINKING in found:
        facts = replace(facts, thinking=frozenset(found[THINKING]))
        supports["adaptive_thinking"] = "adaptive" in found[THINKING]
    return replace(model, facts=facts, supports=supports)


def efforts_of(model: Model) -> tuple[str, ...] | None:
    """None: nobody has said."""
    return model.facts.efforts


def forms_of(model: Model) -> frozenset[str]:
    """Of thinking, in Messages."""
    return model.facts.thinking
