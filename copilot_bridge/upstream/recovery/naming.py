"""What a refusal names: fields, values, numbers, betas."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot_bridge.upstream.recovery.acts import BOUNDED, LIMITS, ORDERED
from copilot_bridge.upstream.recovery.binding import alias
from copilot_bridge.upstream.recovery.paths import Json, clean, find

# What an act is about: (subject, value).
Detail = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal's words.  `text`: its code and its message.  `param`: the field that it names beside them."""

    text: str
    param: str | None
    code: str | None
    api: str
    body: Json


Read = Callable[[Told, re.Match[str]], Iterator[Detail]]


def once(_told: Told, _found: re.Match[str]) -> Iterator[Detail]:
    yield "", ""


NAME = r"[\w.\[\]]*\w\]?"
NAMES_FIELD = re.compile(
    rf"""(?P<path>{NAME}):[ ]Extra[ ]inputs[ ]are[ ]not[ ]permitted(?!,[ ]field)
    | Extra[ ]inputs[ ]are[ ]not[ ]permitted,[ ]field:[ ]['"](?P<field>[^'"]+)
    | (?P<pointer>\#[\w/]*):[ ]extraneous[ ]key[ ]\[(?P<key>\w+)\]
    | ['"]loc['"]:[ ]?[\[(](?P<loc>[^\])]+)[\])][^{{}}]*?(?:Extra[ ]inputs|extra_forbidden)
    | Un(?:supported|known|recognized|expected)[ ](?:request[ ])?(?:parameter|argument|field|key)s?
      (?:[ ]supplied)?:?[ ]['"`]?(?P<plain>{NAME})
    | ['"`](?P<quoted>{NAME})['"`][ ]is[ ]not[ ](?:supported|allowed|permitted)\b
    | ^(?P<first>{NAME})[ ]is[ ]not[ ](?:supported|allowed|permitted)\b
    | Additional[ ]properties[ ]are[ ]not[ ]allowed[ ]\(['"](?P<extra>[^'"]+)['"][ ]was[ ]unexpected\)
      (?:[ ]-[ ]['"](?P<holder>[^'"]+)['"])?
    | does[ ]not[ ]support[ ]parameters?:?[ ]\[?['"]?(?P<listed>{NAME})""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
PARAM_CODES = ("unsupported_parameter", "unknown_parameter")


def fields(told: Told, _found: re.Match[str]) -> Iterator[Detail]:
    """Those that are really there; a message may name others by the way."""
    named = [path_of(each) for each in NAMES_FIELD.finditer(told.text)]
    if told.param and (told.code in PARAM_CODES or not any(named)):
        named.append(told.param)
    paths = (alias(told.api, clean(each)) for each in named if each)
    yield from ((path, "") for path in dict.fromkeys(paths) if path and any(find(told.body, path)))


def path_of(found: re.Match[str]) -> str:
    if found["pointer"]:
        return f"{found['pointer']}/{found['key']}"
    if found["extra"]:
        return ".".join(filter(None, (found["holder"], found["extra"])))
    if found["loc"]:
        return ".".join(re.findall(r"[\w-]+", found["loc"]))
    return next(filter(None, (found[name] for name in PLAIN_NAMES)), "")


PLAIN_NAMES = ("path", "field", "plain", "quoted", "first", "listed")

LISTED = re.compile(
    r"(?:supported|valid|allowed|expected|available)[ ](?:values|levels|options|efforts)(?:[ ]are)?:?[ ]*"
    r"\[?(?P<values>[^.;\]\n]+)|Input should be (?P<inputs>['\"][^\n;]+)",
    re.IGNORECASE,
)
WORDS_BETWEEN = ("and", "or")
# Where the message names the field, and where it names the value alone.
OF_FIELD = re.compile(
    rf"^(?:\w+ )?[`'\"]?(?P<path>{NAME})[`'\"]?"
    rf"(?:: Input should| [\"'][\w-]+[\"'] is not supported| does not)"
    rf"|Unsupported value: ['\"](?P<quoted>{NAME})['\"] does not support",
    re.IGNORECASE | re.MULTILINE,
)
WRONG = re.compile(
    r"(?:value|level|effort|option)s?:? ['\"](?P<value>[\w-]+)['\"]"
    r"|['\"](?P<alone>[\w-]+)['\"] is not supported",
    re.IGNORECASE,
)


def values(told: Told, _found: re.Match[str]) -> Iterator[Detail]:
    """A value with others near it; and which of them the message allows."""
    allowed = ",".join(allowed_in(told.text))
    paths = [alias(told.api, clean(each)) for each in (told.param, *fields_of_values(told.text)) if each]
    wrong = {each["value"] or each["alone"] for each in WRONG.finditer(told.text)}
    paths += [
        path for path in ORDERED if any(str(holder[key]) in wrong for holder, key in find(told.body, path))
    ]
    for path in dict.fromkeys(paths):
        if allowed and path in ORDERED and any(find(told.body, path)):
            yield path, allowed
            return


def values_at(body: Json, path: str) -> list[object]:
    return [holder[key] for holder, key in find(body, path)]


def allowed_in(text: str) -> list[str]:
    found = LISTED.search(text)
    listed = (found["values"] or found["inputs"]) if found else ""
    return [each for each in re.findall(r"[\w-]+", listed) if each not in WORDS_BETWEEN]


def fields_of_values(text: str) -> list[str]:
    return [each["path"] or each["quoted"] for each in OF_FIELD.finditer(text)]


def unwanted_value(told: Told, found: re.Match[str]) -> Iterator[Detail]:
    """`'temperature' does not support 0.7 with this model.  Only the default (1) value is supported.`"""
    for path in filter(None, (told.param, found["path"])):
        yield alias(told.api, clean(path)), ""
        return


def bound(told: Told, found: re.Match[str]) -> Iterator[Detail]:
    """A number, and the largest or least that is taken."""
    groups = found.groupdict()
    path = clean(groups.get("path") or told.param or "")
    names = [path] if path in BOUNDED else [each for each in LIMITS if each in told.body]
    yield from ((each, found["number"].replace(",", "")) for each in names if each in told.body)


def limit_name(_told: Told, found: re.Match[str]) -> Iterator[Detail]:
    yield "", f"max_{found['which'] or ''}tokens"


def named(_told: Told, found: re.Match[str]) -> Iterator[Detail]:
    yield found["path"], ""


def betas(_told: Told, found: re.Match[str]) -> Iterator[Detail]:
    yield from ((each, "") for each in re.findall(r"[\w-]+-\d{4}-\d\d-\d\d", found[0]) or [""])


def length(_told: Told, found: re.Match[str]) -> Iterator[Detail]:
    yield "", found.groupdict().get("most") or ""


def form(which: str) -> Read:
    def read(_told: Told, _found: re.Match[str]) -> Iterator[Detail]:
        yield "", which

    return read


def both(_told: Told, _found: re.Match[str]) -> Iterator[Detail]:
    yield "temperature,top_p", ""


def old_role(_told: Told, _found: re.Match[str]) -> Iterator[Detail]:
    yield "developer", "system"


def names_binding(told: Told) -> list[str]:
    """Every field that the message names and that the request has."""
    whole = re.match("", "")
    assert whole
    paths = [path for path, _ in fields(told, whole)]
    loose = [alias(told.api, clean(each)) for each in (told.param, *fields_of_values(told.text)) if each]
    quoted = re.findall(r"['\"`]([a-z_][\w.]*)['\"`]", told.text)
    return [each for each in dict.fromkeys([*paths, *loose, *quoted]) if any(find(told.body, each))]
