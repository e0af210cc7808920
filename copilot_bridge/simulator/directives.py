"""Directives of a message to the simulator: `[[sim:NAME key=value …]]`, several allowed.

Any directive takes `once=KEY` (acts only the first time that this name and KEY are seen) or `times=N
key=KEY` (the first N times).  What can't be done is refused with the code `simulator_misuse`: a test that
asks for nothing must not pass.

Two take what follows them: `say` the text, `plan` a JSON list of calls, made one a round.  So a whole
task can be written into an agent's prompt:

    [[sim:plan]] [{"tool": "Write", "arguments": {"file_path": "/tmp/a.sh", "content": "echo a"}},
                  {"tool": "Bash", "arguments": {"command": "sh /tmp/a.sh"}}]  [[sim:say]] It is done.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from json import JSONDecodeError, JSONDecoder
from typing import Any

from copilot_bridge.simulator.refusals.catalogue import BODIES
from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused

DIRECTIVE = re.compile(r"\[\[sim:([a-z0-9-]+)((?:\s+[^\s\]=]+=[^\s\]]*)*)\s*\]\]")
ANY_DIRECTIVE = re.compile(r"\[\[sim:.*?\]\]", re.DOTALL)

Default = int | float | str | tuple[str, ...]
"""An option's default, whose type says how to read it; a tuple lists the choices, the default first."""

RESPONSE, TRANSPORT, ERROR = "response", "transport", "error"
STREAM, WHOLE, BOTH = "stream", "whole", "both"
CHAT, RESPONSES, MESSAGES, EMBEDDINGS = "chat", "responses", "messages", "embeddings"
COMPLETIONS = "completions"
WEBSOCKET = "websocket"  # responses over a WebSocket; most of what acts on responses acts there, too
SPOKEN = (CHAT, RESPONSES, MESSAGES)
EVERYWHERE = (*SPOKEN, EMBEDDINGS, COMPLETIONS)


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the catalogue: what a directive does, where, and with which options."""

    group: str
    about: str
    options: Mapping[str, Default] = field(default_factory=dict)
    forms: str = BOTH
    surfaces: tuple[str, ...] = EVERYWHERE
    http: bool = False  # is about HTTP's framing, which a WebSocket has not

    def acts_on(self, surface: str) -> bool:
        if surface == WEBSOCKET and RESPONSES in self.surfaces:
            return not self.http
        return surface in self.surfaces


def of_response(
    about: str,
    options: Mapping[str, Default] | None = None,
    forms: str = BOTH,
    surfaces: tuple[str, ...] = SPOKEN,
) -> Kind:
    return Kind(RESPONSE, about, options or {}, forms, surfaces)


DIRECTIVES: dict[str, Kind] = {
    # the content of the response
    "think": of_response("reasons before it responds, in the vendor's shape"),
    "tools": of_response("calls every offered tool, in parallel"),
    "plan": of_response(
        'makes the calls of the JSON after it, one a round: [{"tool": NAME, "arguments": {…}}, …]; free text '
        "is a string; nothing is called where no tools are offered"
    ),
    "say": of_response(
        "the response is exactly the text after the directive", surfaces=(*SPOKEN, COMPLETIONS)
    ),
    "empty": of_response("the response is empty"),
    "unicode": of_response("the response has emoji, CJK, combining marks and U+2028"),
    "content-filter": of_response("the content filter stops the response", surfaces=(CHAT, RESPONSES)),
    "length": of_response("stops as if the length were used up"),
    "finish-error": of_response("finish_reason is error", surfaces=(CHAT,)),
    "no-finish": of_response("no finish_reason at all, though the stream ends with [DONE]", surfaces=(CHAT,)),
    "no-usage": of_response("no usage", surfaces=(CHAT,)),
    "opaque-alone": of_response(
        "reasoning_opaque comes alone in its delta; without think there is no reasoning text",
        surfaces=(CHAT,),
    ),
    "big-line": of_response("one text event with that many bytes of text", {"bytes": 2_000_000}),
    "response-size": of_response("a response with that many bytes of text", {"bytes": 1_000_000}, WHOLE),
    "no-done": of_response("the stream ends without [DONE]", forms=STREAM, surfaces=(CHAT,)),
    "whitespace-loop": of_response(
        "endless line ends in a tool call's arguments", forms=STREAM, surfaces=(CHAT,)
    ),
    "late-reasoning": of_response(
        "a stray reasoning delta after text has begun", forms=STREAM, surfaces=(CHAT,)
    ),
    "null-choices": of_response("a chunk whose choices are null", forms=STREAM, surfaces=(CHAT,)),
    "no-delta": of_response(
        "the asynchronous filter's chunk: a choice without delta", forms=STREAM, surfaces=(CHAT,)
    ),
    "error-in-stream": of_response(
        "an error event after the first text, then the end; without CODE it is the surface's own",
        {"code": ""},
        STREAM,
    ),
    "scenario": of_response(
        "replays scenarios/NAME.sse (or .json), byte for byte", {"name": ""}, surfaces=(CHAT,)
    ),
    "flood": of_response(
        "pre-rendered text events, for load: EVENTS of SIZE bytes of text each, GAP ms apart",
        {"events": 1000, "size": 40, "gap": 0.0, "shape": ("clean", "azure", "claude")},
        STREAM,
    ),
    "refusal": of_response("the model declines", surfaces=(RESPONSES, MESSAGES)),
    "failed": of_response("response.failed after the first text", surfaces=(RESPONSES,)),
    "deltas-missing": of_response(
        "arguments come in .done only, without deltas", forms=STREAM, surfaces=(RESPONSES,)
    ),
    "done-marker": Kind(RESPONSE, "[DONE] at the end", forms=STREAM, surfaces=(RESPONSES,), http=True),
    "search": of_response("searches the web, where that is offered", surfaces=(RESPONSES,)),
    "late-summary": of_response(
        "reasons, and the summary is streamed in deltas", forms=STREAM, surfaces=(RESPONSES,)
    ),
    "redacted": of_response("a redacted_thinking block", surfaces=(MESSAGES,)),
    # how the bytes travel
    "bytewise": Kind(TRANSPORT, "one byte per write, one byte per HTTP chunk", http=True),
    "pieces": Kind(
        TRANSPORT, "the body cut into pieces of SIZE bytes, whatever they hold", {"size": 7}, http=True
    ),
    "crlf": Kind(TRANSPORT, "CRLF line ends", forms=STREAM, http=True),
    "comments": Kind(TRANSPORT, "SSE comments between the events", forms=STREAM, http=True),
    "cut-in-frame": Kind(
        TRANSPORT, "after AFTER events half a frame, then the connection closes", {"after": 2}
    ),
    "cut-between": Kind(TRANSPORT, "after AFTER events the connection closes", {"after": 2}),
    "reset": Kind(TRANSPORT, "after AFTER events the connection is reset", {"after": 2}),
    "stall": Kind(TRANSPORT, "after AFTER events silence, then it goes on", {"after": 2, "seconds": 1.0}),
    "slow-headers": Kind(TRANSPORT, "silence before the headers", {"seconds": 1.0}),
    "slow-body": Kind(TRANSPORT, "headers at once, silence before the body", {"seconds": 1.0}),
    "close-delimited": Kind(TRANSPORT, "the body ends with the connection, as in HTTP/1.0", http=True),
    "length-delimited": Kind(TRANSPORT, "Content-Length instead of chunks", http=True),
    "gzip": Kind(TRANSPORT, "content-encoding: gzip, flushed after each event", http=True),
    "close-before-response": Kind(TRANSPORT, "the connection closes without a byte"),
    "close-frame": Kind(
        TRANSPORT,
        "after AFTER events a close frame with CODE",
        {"after": 2, "code": 1011},
        STREAM,
        (WEBSOCKET,),
    ),
    "bad-deflate": Kind(
        TRANSPORT,
        "after AFTER events a compressed message that can't be decompressed",
        {"after": 2},
        STREAM,
        (WEBSOCKET,),
    ),
    "bomb": Kind(
        TRANSPORT,
        "after AFTER events a compressed message of BYTES zeros",
        {"after": 2, "bytes": 100_000_000},
        STREAM,
        (WEBSOCKET,),
    ),
    # what is refused
    "status": Kind(
        ERROR,
        "an error status; retry-after is seconds, date or none",
        {"code": 500, "body": tuple(BODIES), "retry-after": "none", "error": "simulated_error"},
    ),
    "refuse": Kind(ERROR, "a refusal of the catalogue, by name", {"name": ""}),
    "extra-inputs": Kind(
        ERROR,
        "FIELD is refused as an extra input, as a strict backend does; if the request has it",
        {"field": "context_management"},
        surfaces=(MESSAGES,),
    ),
    "bad-signature": Kind(
        ERROR, "the signatures of thinking are refused; if the request has any", surfaces=(MESSAGES,)
    ),
}
# Former names of directives.
ALIASES = {"reply-size": "response-size", "close-before-reply": "close-before-response"}

REPEATS: Mapping[str, Default] = {"once": "", "times": 0, "key": ""}

READERS: dict[type, Any] = {int: int, float: float, str: str}


@dataclass(frozen=True, slots=True)
class Step:
    """A call of a plan.  `arguments` is free text for a custom tool, an object for any other."""

    tool: str
    arguments: str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The directives of one request that act, in order, with their options; and the text around them."""

    options: Mapping[str, Mapping[str, Any]]
    text: str  # without the directives
    rest: str = ""  # what follows the first `say`
    plan: tuple[Step, ...] = ()

    def __contains__(self, name: object) -> bool:
        return name in self.options

    def get(self, name: str, option: str, default: Any = None) -> Any:
        found = self.options.get(name)
        return default if found is None else found[option]

    def before_response(self) -> "Asked":
        """The directives that act before anything is said: refusals, and what may happen to any body."""
        kept = {
            name: options
            for name, options in self.options.items()
            if DIRECTIVES[name].group != RESPONSE and DIRECTIVES[name].forms == BOTH
        }
        return replace(self, options=kept)

    def allow(self, surface: str, stream: bool) -> None:
        """Checks that each directive can act on this kind of request.

        :raise Refused: one of them can't.
        """
        for name in self.options:
            kind = DIRECTIVES[name]
            if not kind.acts_on(surface):
                where = " over HTTP" if kind.http else ""
                raise Refused(misuse(f"{name} acts on {' and '.join(kind.surfaces)} only{where}"))
            if kind.forms not in (BOTH, STREAM if stream else WHOLE):
                raise Refused(misuse(f"{name} acts on {kind.forms} responses only"))


def read(text: str, seen: Counter[str]) -> Asked:
    """The directives in `text`.

    :param seen: how often each "name key" came so far; counted up here.
    :raise Refused: unknown name or option, or a value that can't be read.
    """
    if "[[sim:" not in text:
        return Asked({}, text)
    acting: dict[str, Mapping[str, Any]] = {}
    for found in ANY_DIRECTIVE.finditer(text):
        match = DIRECTIVE.fullmatch(found[0])
        name = ALIASES.get(match[1], match[1]) if match else ""
        if match is None or name not in DIRECTIVES:
            raise Refused(misuse(f"can't read the directive {found[0]}"))
        options = read_options(name, match[2])
        if acts(name, options, seen):
            acting[name] = options
    return Asked(
        acting,
        ANY_DIRECTIVE.sub("", text).strip(),
        ANY_DIRECTIVE.sub("", after("say", text)).removeprefix(" "),
        read_plan(after("plan", text)) if "plan" in acting else (),
    )


def after(name: str, text: str) -> str:
    """The text after the first directive of that name."""
    return text.partition(f"[[sim:{name}")[2].partition("]]")[2]


def read_plan(text: str) -> tuple[Step, ...]:
    """The steps in the JSON that `text` begins with; what comes behind it is left alone.

    :raise Refused: no JSON, or no list of calls.
    """
    try:
        steps, _end = JSONDecoder().raw_decode(text.lstrip())
    except JSONDecodeError as error:
        raise Refused(misuse(f"can't read the plan: {error}")) from None
    if not isinstance(steps, list) or not steps:
        raise Refused(misuse("a plan is a list with at least one call"))
    return tuple(map(read_step, steps))


def read_step(step: Any) -> Step:
    if not isinstance(step, dict) or step.keys() != {"tool", "arguments"}:
        raise Refused(misuse("a call of a plan has a tool and arguments, and nothing else"))
    tool, arguments = step["tool"], step["arguments"]
    if not isinstance(tool, str) or not isinstance(arguments, str | dict):
        raise Refused(misuse("a plan's tool is a string, its arguments are an object or a string"))
    return Step(tool, arguments)


def read_options(name: str, written: str) -> dict[str, Any]:
    """`key=value` pairs over the defaults of the directive."""
    known = {**DIRECTIVES[name].options, **REPEATS}
    options = {key: default[0] if isinstance(default, tuple) else default for key, default in known.items()}
    for pair in written.split():
        key, _, value = pair.partition("=")
        if key not in known:
            raise Refused(misuse(f"{name} has no option {key}"))
        options[key] = read_value(f"{name} {key}", known[key], value)
    return options


def read_value(what: str, default: Default, value: str) -> Any:
    if isinstance(default, tuple):
        if value not in default:
            raise Refused(misuse(f"{what} is one of {', '.join(default)}"))
        return value
    try:
        return READERS[type(default)](value)
    except ValueError:
        raise Refused(misuse(f"{what} can't be {value!r}")) from None


def acts(name: str, options: Mapping[str, Any], seen: Counter[str]) -> bool:
    """Return whether a directive is still to act, by `once=KEY` or `times=N key=KEY`."""
    key, limit = (options["once"], 1) if options["once"] else (options["key"], options["times"])
    if bool(key) != bool(limit):
        raise Refused(misuse("times=N and key=KEY go together"))
    if not key:
        return True
    seen[f"{name} {key}"] += 1
    return seen[f"{name} {key}"] <= limit
