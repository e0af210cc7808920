"""What clients call a model -> what Copilot calls it.  One pure function over a table of rules.

Nothing is ever substituted: each rule is another spelling of the same model, or a word ("sonnet")
that means the newest of a family.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator

Rule = Callable[[str], str]

ROUTER_PREFIX = re.compile(r"^(?:[a-z0-9_.-]+/)+", re.IGNORECASE)  # anthropic/..., github_copilot/...
LONG_CONTEXT = "[1m]"
DATE = re.compile(r"-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# The dash between the two parts of a version; a part has at most two digits, or it would be a date.
VERSION_DASH = re.compile(r"(?<=-)(\d{1,2})-(\d{1,2})(?=-|$)")
OLD_CLAUDE = re.compile(r"^claude-(\d)[.-](\d)-(opus|sonnet|haiku)$")  # version before family


def without_long_context(name: str) -> str:
    while name.lower().endswith(LONG_CONTEXT):
        name = name[: -len(LONG_CONTEXT)]
    return name


# Each is tried on what the ones before it made of the name.
RULES: tuple[Rule, ...] = (
    str.strip,
    lambda name: ROUTER_PREFIX.sub("", name),
    without_long_context,
    lambda name: DATE.sub("", name),
    lambda name: VERSION_DASH.sub(r"\1.\2", name),
    lambda name: OLD_CLAUDE.sub(r"claude-\1.\2-\3", name),
)

# Names that no rule explains.  Source: the official client's aliases, and Copilot's own spelling.
ALIASES = {"copilot-fast": "gpt-4o-mini", "claude-opus-4.1": "claude-opus-41"}

# Ids whose version would be read wrongly.
PLAIN = {"claude-opus-41": "claude-opus-4.1"}

# A bare word is the newest of a family.
FAMILIES = {
    "opus": re.compile(r"^claude-opus-([\d.]+)$"),
    "sonnet": re.compile(r"^claude-sonnet-([\d.]+)$"),
    "haiku": re.compile(r"^claude-haiku-([\d.]+)$"),
}


def spellings(name: str) -> Iterator[str]:
    """The name as given, then each form that the rules make of it, then its alias; without repeats."""
    seen = [name]
    yield name
    if wants_long_context(name):
        yield from (f"{plain}-1m" for plain in list(spellings(without_long_context(name))))
    for rule in RULES:
        name = rule(name)
        if name not in seen:
            seen.append(name)
            yield name
    if name.lower() in ALIASES:
        yield ALIASES[name.lower()]


def wants_long_context(name: str) -> bool:
    return name.lower().endswith(LONG_CONTEXT)


def newest(word: str, ids: Iterable[str]) -> str | None:
    """The highest version among the ids of the family that the word means."""
    family = FAMILIES.get(without_long_context(word).strip().lower())
    if not family:
        return None
    versions = {each: match[1] for each in ids if (match := family.match(PLAIN.get(each, each)))}
    return max(
        versions, key=lambda each: [int(part) for part in versions[each].split(".") if part], default=None
    )


def near(name: str, ids: Iterable[str], most: int = 4) -> list[str]:
    """The ids that somebody who wrote `name` may have meant."""
    plain = list(spellings(name))[-1].lower()
    return difflib.get_close_matches(plain, list(ids), n=most, cutoff=0.5)
