"""Readers of refusals: the fields, values, numbers and betas that a message names."""

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from copilot_bridge.upstream.recovery.acts import BOUNDED, LIMITS, ORDERED
from copilot_bridge.upstream.recovery.binding import alias
from copilot_bridge.upstream.recovery.paths import Json, clean, find

# The parameters of an act: (subject, value).
Detail = tuple[str, str]


class RefusalContext(Struct, frozen=True):
    """A refusal and the refused request.

    :param text: the code and the message.  :param param: the field that the error names beside them.
    """

    text: str
    param: str | None
    code: str | None
    api: str
    body: Json


Read = Callable[[RefusalContext, re.Match[str]], Iterator[Detail]]


def once(_context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
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


def fields(context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
    """The named fields that the request has; a message may mention others."""
    named = [path_of(match) for match in NAMES_FIELD.finditer(context.text)]
    if context.param and (context.code in PARAM_CODES or not any(named)):
        named.append(context.param)
    paths = (alias(context.api, clean(name)) for name in named if name)
    yield from ((path, "") for path in dict.fromkeys(paths) if path and any(find(context.body, path)))


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
CONJUNCTIONS = ("and", "or")
# A message that names the field, and one that names the value alone.
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


def values(context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
    """A field whose value is refused, and the values that the message allows."""
    allowed = ",".join(allowed_in(context.text))
    paths = [
        alias(context.api, clean(name)) for name in (context.param, *fields_of_values(context.text)) if name
    ]
    wrong = {match["value"] or match["alone"] for match in WRONG.finditer(context.text)}
    paths += [
        path for path in ORDERED if any(str(holder[key]) in wrong for holder, key in find(context.body, path))
    ]
    for path in dict.fromkeys(paths):
        if allowed and path in ORDERED and any(find(context.body, path)):
            yield path, allowed
            return


def values_at(body: Json, path: str) -> list[object]:
    return [holder[key] for holder, key in find(body, path)]


def allowed_in(text: str) -> list[str]:
    found = LISTED.search(text)
    listed = (found["values"] or found["inputs"]) if found else ""
    return [word for word in re.findall(r"[\w-]+", listed) if word not in CONJUNCTIONS]


def fields_of_values(text: str) -> list[str]:
    return [match["path"] or match["quoted"] for match in OF_FIELD.finditer(text)]


def unwanted_value(context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    """The field in `'temperature' does not support 0.7 with this model.  Only the default (1) value ...`."""
    for path in filter(None, (context.param, found["path"])):
        yield alias(context.api, clean(path)), ""
        return


def bound(context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    """A number field, and its maximum or minimum."""
    groups = found.groupdict()
    path = clean(groups.get("path") or context.param or "")
    names = [path] if path in BOUNDED else [name for name in LIMITS if name in context.body]
    yield from ((name, found["number"].replace(",", "")) for name in names if name in context.body)


def limit_name(_context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    yield "", f"max_{found['which'] or ''}tokens"


def named(_context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    yield found["path"], ""


def betas(_context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    yield from ((beta, "") for beta in re.findall(r"[\w-]+-\d{4}-\d\d-\d\d", found[0]) or [""])


def length(_context: RefusalContext, found: re.Match[str]) -> Iterator[Detail]:
    yield "", found.groupdict().get("most") or ""


def form(which: str) -> Read:
    def read(_context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
        yield "", which

    return read


def both(_context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
    yield "temperature,top_p", ""


def old_role(_context: RefusalContext, _found: re.Match[str]) -> Iterator[Detail]:
    yield "developer", "system"


def names_binding(context: RefusalContext) -> list[str]:
    """All fields of the request that the message names in any way."""
    whole = re.match("", "")
    assert whole
    paths = [path for path, _ in fields(context, whole)]
    loose = [
        alias(context.api, clean(name)) for name in (context.param, *fields_of_values(context.text)) if name
    ]
    quoted = re.findall(r"['\"`]([a-z_][\w.]*)['\"`]", context.text)
    return [path for path in dict.fromkeys([*paths, *loose, *quoted]) if any(find(context.body, path))]
