"""Fields of a request, found by the paths in upstream's refusals.

Upstream's paths lead through its own types, not through the request: the step after the number in
`messages.0.content.0.text.foo` is the block's type, `custom` in `tools.3.custom.strict` is a tool's, and
others are names of a union's members.  Such a step is skipped where it is not a key.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Steps = tuple[str, ...]

STEP = re.compile(r"[^.\[\]/'\"\s]+")
MAX_PATH_LENGTH = 160


def clean(path: str) -> str:
    """The dotted path without numbers, from `input[0].foo`, `#/tools/0/custom`, `body.tools.3.custom.strict`.

    Upstream refuses a field wherever it occurs, so the numbers do not matter.
    """
    steps = [step for step in STEP.findall(path[:MAX_PATH_LENGTH]) if not step.isdecimal() and step != "#"]
    return ".".join(steps[1:] if steps[:1] == ["body"] and steps[1:] else steps)


def steps_of(path: str) -> Steps:
    return tuple(path.split("."))


def remove(body: Json, path: str) -> bool:
    """Remove a field wherever the path leads, and what is empty without it.  False: there is none."""
    steps = steps_of(path)
    return take(body, steps, types_in(body.get(steps[0], body)))


def find(body: Json, path: str) -> Iterator[tuple[Json, str]]:
    """Find the holder and the key of each field to which the path leads."""
    steps = steps_of(path)
    return places(body, steps, types_in(body.get(steps[0], body)))


def types_in(value: Any) -> frozenset[str]:
    """The types in a value: a step that names one of them does not lead to another."""
    found: set[str] = set()
    pending = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, dict):
            found |= {inner["type"]} if isinstance(inner.get("type"), str) else set()
            pending += inner.values()
        elif isinstance(inner, list):
            pending += inner
    return frozenset(found)


def places(value: Any, steps: Steps, types: frozenset[str]) -> Iterator[tuple[Json, str]]:
    if isinstance(value, list):
        for item in value:
            yield from places(item, steps, types)
    elif isinstance(value, dict):
        for inner, remaining in next_steps(value, steps, types):
            found = list(places(inner, remaining, types)) if remaining else [(value, steps[0])]
            if found:
                yield from found
                return


def next_steps(value: Json, steps: Steps, types: frozenset[str]) -> Iterator[tuple[Any, Steps]]:
    """The targets of the next step: a member, the value itself, or the object named after its type."""
    first, *remaining = steps
    kind = value.get("type")
    if first in value:
        yield value[first], tuple(remaining)
    if remaining and (first not in types or kind in (first, None)):
        yield value, tuple(remaining)
    if isinstance(kind, str) and kind != first and isinstance(value.get(kind), dict):
        yield value[kind], steps


def take(value: Any, steps: Steps, types: frozenset[str]) -> bool:
    if isinstance(value, list):
        taken = [take(item, steps, types) for item in value]  # from every item, not only the first
        return any(taken)
    if not isinstance(value, dict):
        return False
    if len(steps) == 1 and steps[0] in value:
        del value[steps[0]]
        return True
    return any(
        take_below(value, inner, remaining, types)
        for inner, remaining in next_steps(value, steps, types)
        if remaining
    )


def take_below(holder: Json, inner: Any, remaining: Steps, types: frozenset[str]) -> bool:
    if not take(inner, remaining, types):
        return False
    for key in [key for key, value in holder.items() if value is inner and value in ({}, [])]:
        del holder[key]
    return True
