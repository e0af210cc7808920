"""Names of models: spellings by clients, aliases, and suggestions for unknown names.

A rule gives another spelling of the same model.  An alias means another model (a word like "sonnet", a model
that was retired); the operator's mapping replaces the built-in aliases.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

Rule = Callable[[str], str]

ROUTER_PREFIX = re.compile(r"^(?:[a-z0-9_.-]+/)+", re.IGNORECASE)  # anthropic/..., github_copilot/...
LONG_CONTEXT = "[1m]"
# Until 2026-07 the longer context had ids of its own; now the plain ids have it, too.
LONG_ID = re.compile(r"(?<=\d)-1m(?:-internal)?$")
DATE = re.compile(r"-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# The dash between the two parts of a version; a part has at most two digits, or it would be a date.
VERSION_DASH = re.compile(r"(?<=-)(\d{1,2})-(\d{1,2})(?=-|$)")
# The version before the family: Anthropic's names until 2025, and Cursor's still.
OLD_CLAUDE = re.compile(r"^claude-(\d(?:[.-]\d)?)-(opus|sonnet|haiku)$")


def without_long_context(name: str) -> str:
    while name.lower().endswith(LONG_CONTEXT):
        name = name[: -len(LONG_CONTEXT)]
    return name


# Each is applied to the result of the rules before it.
RULES: tuple[Rule, ...] = (
    str.strip,
    lambda name: ROUTER_PREFIX.sub("", name),
    without_long_context,
    lambda name: DATE.sub("", name),
    lambda name: LONG_ID.sub("", name),
    lambda name: VERSION_DASH.sub(r"\1.\2", name),
    lambda name: OLD_CLAUDE.sub(lambda match: f"claude-{match[2]}-{match[1].replace('-', '.')}", name),
)

# Names that Copilot does not list -> the models that they mean; `*` is the newest version.  Source: the
# official client's aliases, Copilot's own spelling, the default models of Claude Code and the Gemini CLI
# (2026-11: newer ones than Copilot has), and the successors of the models that were retired by 2026.
# Continue asks for code completion only by names that do not begin with "gpt".
DEFAULT_MAPPING = {
    "copilot-fast": "gpt-4o-mini",
    "copilot-completion": "gpt-*-copilot",
    "codex-auto-review": "gpt-*-mini",
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
    "gemini-*flash*": "gemini-*-flash",
    "gemini-*pro*": "gemini-*-pro",
}

# Ids whose version would be parsed wrongly.
VERSION_SPELLINGS = {"claude-opus-41": "claude-opus-4.1"}

VERSION = r"([\d.]+)"
# Google, whose families stand after the version, offers previews for months before the version itself.
PREVIEW = "(?:-preview)?"

# A name that ends with an effort: "o4-mini-high".  Cursor adds whether to think, and at which speed, which is
# not for a client to choose: "claude-4.6-opus-high-thinking", "gpt-5.2-low-fast" (2026).
EFFORT = re.compile(r"^(.+)-(none|minimal|low|medium|high|xhigh|max)$", re.IGNORECASE)
VARIANT = re.compile(r"^(.+)-(thinking|fast)$", re.IGNORECASE)
THINKING_EFFORT = "medium"  # of a name that asks for thinking only; the official client's default (2026-11)


def spellings(name: str) -> Iterator[str]:
    """The name as given, then each other spelling that the rules derive from it."""
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


class Aliases:
    """Aliases: a client's name -> another name, or a pattern ("claude-opus-*") for the newest such model.

    Keys match in any spelling and case; keys with a `*` match, in their order, where no plain key does.
    """

    def __init__(self, rows: Mapping[str, str]) -> None:
        self._rows = {key.lower(): target for key, target in rows.items()}
        self._patterns = [(key, target) for key, target in self._rows.items() if "*" in key]

    def target(self, name: str) -> str | None:
        spelled = [spelling.lower() for spelling in spellings(name)]
        plain = (self._rows[spelling] for spelling in spelled if spelling in self._rows)
        by_pattern = (
            target
            for key, target in self._patterns
            if any(fnmatchcase(spelling, key) for spelling in spelled)
        )
        target = next(plain, None) or next(by_pattern, None)
        return f"{target}{LONG_CONTEXT}" if target and wants_long_context(name) else target


DEFAULT_ALIASES = Aliases(DEFAULT_MAPPING)


def without_suffixes(name: str) -> Iterator[tuple[str, str]]:
    """The models and efforts that a name may mean which ends with an effort or a variant.

    The one with the fewest suffixes taken off comes first; "": no effort.
    """
    base, effort, default = without_long_context(name.strip()), "", ""
    while match := (None if effort else EFFORT.match(base)) or VARIANT.match(base):
        base, suffix = match[1], match[2].lower()
        if match.re is EFFORT:
            effort = suffix
        elif suffix == "thinking":
            default = THINKING_EFFORT
        yield base, effort or default


def newest(pattern: str, ids: Iterable[str]) -> str | None:
    """The id with the highest version in place of the pattern's `*`."""
    before, star, after = without_long_context(pattern).strip().lower().partition("*")
    if not star:
        return None
    family = re.compile(re.escape(before) + VERSION + (re.escape(after) + PREVIEW if after else ""))
    versions = {id_: match[1] for id_ in ids if (match := family.fullmatch(VERSION_SPELLINGS.get(id_, id_)))}
    return max(
        versions, key=lambda id_: [int(part) for part in versions[id_].split(".") if part], default=None
    )


def suggest(name: str, ids: Iterable[str], count: int = 4) -> list[str]:
    """The ids that a user who wrote `name` may have meant."""
    plain = list(spellings(name))[-1].lower()
    return difflib.get_close_matches(plain, list(ids), n=count, cutoff=0.5)
