"""What upstream's refusals say -> what is done about it.  A new refusal is a row.

Source: the public bug reports of programs that speak to Copilot, OpenAI and Anthropic, 2025 and 2026; each
row's words are in its tests.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot_bridge.upstream.recovery.acts import BOUNDED, LIMITS, ORDERED
from copilot_bridge.upstream.recovery.binding import alias
from copilot_bridge.upstream.recovery.paths import Json, clean, find

CHAT, MESSAGES, RESPONSES = "chat", "messages", "responses"
EVERYWHERE = (CHAT, MESSAGES, RESPONSES)

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


@dataclass(frozen=True, slots=True)
class Row:
    """:param told: a pattern for code and message together.  :param read: what exactly is refused.

    :param lasting: it will be refused next time, too, whoever asks what of this model.
    :param lost: what the log says is missing now.
    """

    told: str
    act: str
    read: Read = once
    apis: tuple[str, ...] = EVERYWHERE
    lasting: bool = False
    lost: str = ""


# --- which field, and which value

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


# --- the table

NUMBER = r"(?P<number>[\d.]*\d)"
IDS = "the items' ids"
THOUGHTS = "earlier thoughts"
FORM = r"output_config\.format|output_format|response_format|text\.format"
NEVER = (
    r"Extra inputs|extraneous key|not (?:supported|permitted|allowed|available)|unsupported"
    r"|allowedPartnerModelFeatures"
)

# All that fit are tried, in this order, until one has changed something.
TABLE = (
    # What binds the answer, asked for in another way.
    Row(
        rf"(?=.*(?:{FORM}|output_config|structured.outputs?|json_schema|allowedPartnerModelFeatures))"
        rf"(?!.*effort)(?=.*(?:{NEVER}))",
        "answer by tool",
        lasting=True,
        lost="the answer's schema (asked for by a tool)",
    ),
    Row(FORM, "answer by tool", lost="the answer's schema (asked for by a tool)"),
    Row(
        rf"(?=.*\bstop(?:_sequences)?\b)(?=.*(?:{NEVER}))",
        "stop here",
        apis=(CHAT, MESSAGES),
        lasting=True,
        lost="stop sequences (cut here)",
    ),
    # A session that would be refused for ever, because of something in its history.
    Row(
        r"item_id did not match|input item ID does not belong|Expected an ID that begins with"
        r"|input\[\d+\]\.id|Item with id .{0,600}? not found",
        "no item ids",
        apis=(RESPONSES,),
        lost=IDS,
    ),
    Row(
        r"(?:call_id|tool_calls\[\d+\]\.id|tool_use_id|tool_use\.id|tool_result\.\w+)['\"`]?:? .{0,200}?"
        r"(?:too long|match pattern|at most)(?:.{0,80}?maximum length (?P<most>\d+))?",
        "short call ids",
        length,
        lost="long call ids",
    ),
    Row(r"string_above_max_length", "no item ids", apis=(RESPONSES,), lost=IDS),
    Row(
        r"invalid_encrypted_content|encrypted content .{0,600}could not be|item_id did not match"
        r"|input item ID does not belong"  # the id is also in what is encrypted
        r"|without its required (?:following item|'reasoning' item)|reasoning.{0,300}not found",
        "no earlier thoughts",
        lost=THOUGHTS,
    ),
    Row(
        r"Invalid .?signature|Invalid .?data. in .?redacted|thinking.{0,60}cannot be modified"
        r"|cannot contain .?thinking|thought.signature.{0,40}(?:not valid|invalid|corrupt)"
        r"|(?:corrupt|invalid)\w* thought.signature",
        "no earlier thoughts",
        lost=THOUGHTS,
    ),
    Row(r"Expected .?thinking.{0,40}but found", "no thinking", lost="thinking"),
    Row(r"Expected .?thinking.{0,40}but found", "no earlier thoughts", lost=THOUGHTS),
    Row(r"text content blocks must (?:be non-empty|contain non-white)", "no blank texts", lost="empty texts"),
    # Roles and their order.
    Row(
        r"Unexpected role .?.system|messages\.\d+\.role: Input should be|(?=.*mid-conversation)(?=.*system)",
        "system as user",
        apis=(MESSAGES,),
        lasting=True,
        lost="the system's role in the middle",
    ),
    Row(
        r"(?=.*['\"`]developer)(?=.*\brole|.*Invalid value|.*unsupported)",
        "role",
        old_role,
        apis=(CHAT, RESPONSES),
        lasting=True,
        lost="the developer's role",
    ),
    Row(
        r"(?:not support|unsupported|disallowed|not allowed).{0,60}prefill|prefill.{0,60}not supported"
        r"|must end with a user message",
        "continue",
        apis=(CHAT, MESSAGES),
        lasting=True,
        lost="an answer begun by the client",
    ),
    # Thinking.
    Row(
        r"thinking may not be enabled when tool_choice|thinking mode does not support this tool_choice",
        "no thinking",
        lost="thinking",
    ),
    Row(
        r"thinking\.type\.enabled.{0,60}not supported",
        "thinking",
        form("adaptive"),
        apis=(MESSAGES,),
        lasting=True,
        lost="a budget for thinking",
    ),
    Row(
        r"adaptive thinking is not supported|thinking\.type\.adaptive.{0,60}not supported"
        r"|thinking: Input tag 'adaptive'",
        "thinking",
        form("enabled"),
        apis=(MESSAGES,),
        lasting=True,
        lost="adaptive thinking",
    ),
    Row(
        r"thinking\.type\.disabled|thinking: Input tag 'disabled'"
        r"|thinking.{0,40}cannot be (?:disabled|turned off)",
        "thinking",
        form("on"),
        apis=(MESSAGES,),
        lost="thinking: disabled",
    ),
    Row(
        r"thinking is not supported|does not support (?:extended )?thinking",
        "thinking",
        form("none"),
        apis=(MESSAGES,),
        lasting=True,
        lost="thinking",
    ),
    Row(r"must be greater than .?thinking\.budget_tokens", "no thinking", lost="thinking"),
    # Sampling and limits.
    Row(
        r"temperature.{0,3} and .{0,3}top_p.{0,3} cannot both",
        "one of two",
        both,
        lasting=True,
        lost="top_p",
    ),
    Row(
        r"(?P<path>temperature|top_p|top_k).{0,60}(?:when thinking is enabled|with thinking|in adaptive)",
        "leave out",
        named,
    ),
    Row(r"use ['`\"]?max_(?P<which>completion_)?tokens", "limit's name", limit_name, lasting=True, lost=""),
    Row(
        r"(?P<path>max_\w*tokens): \d+ > (?P<number>\d+), which is the maximum",
        "at most",
        bound,
        lasting=True,
    ),
    Row(r"too large: \d+.{0,40}at most (?P<number>\d+)", "at most", bound, lasting=True),
    Row(rf"(?P<path>\w+): Input should be less than or equal to {NUMBER}", "at most", bound, lasting=True),
    Row(rf"'(?P<path>\w+)'?: \w+ above maximum value.{{0,40}}<= {NUMBER}", "at most", bound, lasting=True),
    Row(rf"'(?P<path>\w+)'?: \w+ below minimum value.{{0,40}}>= {NUMBER}", "at least", bound, lasting=True),
    # The cache.
    Row(r"ttl.{0,80}must not come after", "no ttl", apis=(MESSAGES,), lost="cache_control.ttl"),
    Row(
        r"maximum of \d+ blocks with cache_control",
        "fewer cache marks",
        apis=(MESSAGES,),
        lost="cache marks",
    ),
    # Betas.
    Row(
        r"Unexpected value\(s\) .{1,800}? for the .?anthropic-beta"
        r"|unsupported beta header\(?s?\)?:? [^\n]{1,400}",
        "no beta",
        betas,
        apis=(MESSAGES,),
        lasting=True,
        lost="anthropic-beta",
    ),
    Row(r"invalid beta flag", "no beta", apis=(MESSAGES,), lost="anthropic-beta"),
    # Tools that are not there.
    Row(
        r"(?:tool_choice|parallel_tool_calls).{0,40}only (?:be )?(?:allowed|specified|set)",
        "no choice without tools",
        lost="tool_choice, without tools",
    ),
    # A value, a field.
    Row(
        r"not supported|unsupported|Input should be|Invalid value|not support",
        "allowed values",
        values,
        lasting=True,
    ),
    Row(
        r"['\"`](?P<path>[\w.]+)['\"`] does not support .{1,40}Only the default",
        "leave out",
        unwanted_value,
        lasting=True,
    ),
    Row(
        r"Extra inputs|extra_forbidden|extraneous key"
        r"|Un(?:supported|known|recognized|expected)[ _](?:request )?"
        r"(?:parameter|argument|field|key)|is not (?:supported|allowed|permitted)|does not support parameter",
        "leave out",
        fields,
        lasting=True,
    ),
)

PATTERNS = tuple((re.compile(row.told, re.IGNORECASE | re.DOTALL | re.MULTILINE), row) for row in TABLE)


def fitting(told: Told) -> Iterator[tuple[Row, re.Match[str]]]:
    for pattern, row in PATTERNS:
        if told.api in row.apis and (found := pattern.search(told.text)):
            yield row, found


def names_binding(told: Told) -> list[str]:
    """Every field that the message names and that the request has."""
    whole = re.match("", "")
    assert whole
    paths = [path for path, _ in fields(told, whole)]
    loose = [alias(told.api, clean(each)) for each in (told.param, *fields_of_values(told.text)) if each]
    quoted = re.findall(r"['\"`]([a-z_][\w.]*)['\"`]", told.text)
    return [each for each in dict.fromkeys([*paths, *loose, *quoted]) if any(find(told.body, each))]
