"""What clients call a model -> what Copilot calls it.  One pure function over a table of rules.

A rule is another spelling of the same model.  What means another one (a word like "sonnet", a model that
was retired) stands in a mapping: ours, or in its place the operator's.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

Rule = Callable[[str], str]

ROUTER_PREFIX = re.compile(r"^(?:[a-z0-9_.-]+/)+", re.IGNORECASE)  # anthropic/..., github_copilot/...
LONG_CONTEXT = "[1m]"
# Ids of their own for the longer context, until 2026-07: now the plain ones have it, too.
LONG_ID = re.compile(r"(?<=\d)-1m(?:-internal)?$")
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
    lambda name: LONG_ID.sub("", name),
    lambda name: VERSION_DASH.sub(r"\1.\2", name),
    lambda name: OLD_CLAUDE.sub(r"claude-\1.\2-\3", name),
)

# What a name means that Copilot does not list; `*` is the newest version.  Source: the official client's
# aliases, Copilot's own spelling, what Claude Code asks for unless it is told otherwise (2026-11: newer
# models than Copilot has), and what followed the models that were retired by 2026.
DEFAULT_MAPPING = {
    "copilot-fast": "gpt-4o-mini",
    "opus": "claude-opus-*",
    "sonnet": "claude-sonnet-*",
    "haiku": "claude-haiku-*",
    "best": "claude-opus-*",
    "claude-opus-4.1": "claude-opus-41",
    "claude-opus-4.5": "claude-opus-*",
    "claude-opus-4.6": "claude-opus-*",
    "claude-sonnet-4.5": "claude-sonnet-*",
    "claude-opus-5*": "claude-opus-*",
    "claude-sonnet-5*": "claude-sonnet-*",
    "claude-haiku-5*": "claude-haiku-*",
    "claude-3.5-sonnet": "claude-sonnet-*",
    "claude-3.5-haiku": "claude-haiku-4.5",
}

# Ids whose version would be read wrongly.
PLAIN = {"claude-opus-41": "claude-opus-4.1"}

VERSION = r"([\d.]+)"

# A model that thinks as hard as its name says: "o4-mini-high".
EFFORT = re.compile(r"^(.+)-(none|minimal|low|medium|high|xhigh|max)$", re.IGNORECASE)


def spellings(name: str) -> Iterator[str]:
    """The name as given, then each form that the rules make of it; without repeats."""
    seen = [name]
    yield name
    if wants_long_context(name):
        yield from (f"{plain}-1m" for plain in list(spellings(without_long_context(name))))
    for rule in RULES:
        name = rule(name)
        if name not in seen:
            seen.append(name)
            yield name


def wants_long_context(name: str) -> bool:
    return name.lower().endswith(LONG_CONTEXT)


class NameMapping:
    """A client's name for a model -> another name, or a pattern ("claude-opus-*") for the newest such.

    Keys match in any spelling and case; those with a `*` match what no plain key does, in their order.
    """

    def __init__(self, rows: Mapping[str, str]) -> None:
        self._rows = {key.lower(): target for key, target in rows.items()}
        self._patterns = [(key, target) for key, target in self._rows.items() if "*" in key]

    def target(self, name: str) -> str | None:
        spelled = [each.lower() for each in spellings(name)]
        plain = (self._rows[each] for each in spelled if each in self._rows)
        fitting = (to for key, to in self._patterns if any(fnmatchcase(each, key) for each in spelled))
        target = next(plain, None) or next(fitting, None)
        return f"{target}{LONG_CONTEXT}" if target and wants_long_context(name) else target


DEFAULTS = NameMapping(DEFAULT_MAPPING)


def split_effort(name: str) -> tuple[str, str] | None:
    """(model, effort) of a name that ends with how hard to think."""
    match = EFFORT.match(without_long_context(name.strip()))
    return (match[1], match[2].lower()) if match else None


def newest(pattern: str, ids: Iterable[str]) -> str | None:
    """The id with the highest version in place of the pattern's `*`."""
    before, star, after = without_long_context(pattern).strip().lower().partition("*")
    if not star:
        return None
    family = re.compile(re.escape(before) + VERSION + re.escape(after))
    versions = {each: match[1] for each in ids if (match := family.fullmatch(PLAIN.get(each, each)))}
    return max(
        versions, key=lambda each: [int(part) for part in versions[each].split(".") if part], default=None
    )


def near(name: str, ids: Iterable[str], most: int = 4) -> list[str]:
    """The ids that somebody who wrote `name` may have meant."""
    plain = list(spellings(name))[-1].lower()
    return difflib.get_close_matches(plain, list(ids), n=most, cutoff=0.5)
