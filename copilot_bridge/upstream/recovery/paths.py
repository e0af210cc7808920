"""Fields of a request, found by the paths that upstream's refusals name.

Upstream's paths lead through what it has read, not through what was sent: the step after the number in
`messages.0.content.0.text.foo` is the block's type, `custom` in `tools.3.custom.strict` is a tool's, and
others are names of a union's members.  Such a step is skipped where it is no key.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Steps = tuple[str, ...]

STEP = re.compile(r"[^.\[\]/'\"\s]+")
LONGEST_PATH = 160


def clean(path: str) -> str:
    """`input[0].foo`, `#/tools/0/custom`, `body.tools.3.custom.strict` -> the steps without numbers, dotted.

    The same field is refused wherever else it stands.
    """
    steps = [step for step in STEP.findall(path[:LONGEST_PATH]) if not step.isdecimal() and step != "#"]
    return ".".join(steps[1:] if steps[:1] == ["body"] and steps[1:] else steps)


def steps_of(path: str) -> Steps:
    return tuple(path.split("."))


def remove(body: Json, path: str) -> bool:
    """Take the field out wherever the path leads, and whatever is empty without it.  False: it is nowhere."""
    steps = steps_of(path)
    return take(body, steps, types_in(body.get(steps[0], body)))


def find(body: Json, path: str) -> Iterator[tuple[Json, str]]:
    """(what holds it, its key) of each place where the path leads."""
    steps = steps_of(path)
    return places(body, steps, types_in(body.get(steps[0], body)))


def types_in(value: Any) -> frozenset[str]:
    """All variants that are there: a step that names one leads to no other."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            found |= {each["type"]} if isinstance(each.get("type"), str) else set()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return frozenset(found)


def places(value: Any, steps: Steps, types: frozenset[str]) -> Iterator[tuple[Json, str]]:
    if isinstance(value, list):
        for each in value:
            yield from places(each, steps, types)
    elif isinstance(value, dict):
        for inner, rest in ways(value, steps, types):
            found = list(places(inner, rest, types)) if rest else [(value, steps[0])]
            if found:
                yield from found
                return


def ways(value: Json, steps: Steps, types: frozenset[str]) -> Iterator[tuple[Any, Steps]]:
    """Where the next step may lead: to a member, past a variant's name, into what OpenAI nests under it."""
    first, *rest = steps
    kind = value.get("type")
    if first in value:
        yield value[first], tuple(rest)
    if rest and (first not in types or kind in (first, None)):
        yield value, tuple(rest)
    if isinstance(kind, str) and kind != first and isinstance(value.get(kind), dict):
        yield value[kind], steps


def take(value: Any, steps: Steps, types: frozenset[str]) -> bool:
    if isinstance(value, list):
        taken = [take(each, steps, types) for each in value]  # from each of them, not only the first
        return any(taken)
    if not isinstance(value, dict):
        return False
    if len(steps) == 1 and steps[0] in value:
        del value[steps[0]]
        return True
    return any(take_below(value, inner, rest, types) for inner, rest in ways(value, steps, types) if rest)


def take_below(holder: Json, inner: Any, rest: Steps, types: frozenset[str]) -> bool:
    if not take(inner, rest, types):
        return False
    for key in [key for key, value in holder.items() if value is inner and value in ({}, [])]:
        del holder[key]
    return True
