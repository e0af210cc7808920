"""The content of a response: text that a person finds sensible, a tool call, or what directives ask for."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from flask import g, has_request_context

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.directives import Asked, Step
from copilot_bridge.simulator.ledger import Entry
from copilot_bridge.simulator.prices import BATCH, NANO, discount_of, prices_of
from copilot_bridge.simulator.prompt import Image, Prompt, Tool
from copilot_bridge.simulator.refusals.forms import invalid, misuse
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.schemas import invent
from copilot_bridge.simulator.web import citing

QUOTED = 600  # characters of the user's text or of a tool result that a response repeats
CHARACTERS_PER_TOKEN = 4
WANTS_TOOL = re.compile(r"\b(call|tools?)\b", re.IGNORECASE)
UNICODE = (
    "Grüße 👩‍👩‍👧 你好, こんにちは, e\u0301, a line\u2028separator, \u2029a paragraph, 🏳️‍🌈 and \U0001f600."
)
FILLER = b"The quick brown fox jumps over the lazy dog. "
SIZED = frozenset({"response-size", "big-line"})  # directives that say themselves how long the text is
REFUSAL = "I can't help with that. I am simulated, and was asked to refuse."
THOUGHT = "The user wants an answer. I am simulated, so I think of what was said and repeat it."


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call; `arguments` is JSON, as text."""

    name: str
    arguments: str
    id: str
    custom: bool = False  # `arguments` is free text
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0  # into the cache


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """One response, in no vendor's words yet.  `finish` None: never sent."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = "stop"
    usage: Usage | None = None
    one_line: bool = False  # the text travels in a single event
    filtered: bool = False  # by the content filter
    opaque_alone: bool = False  # reasoning_opaque in a delta of its own
    stopped_by: str = ""  # the stop sequence that ended the text
    searched: str = ""  # what the model has searched the web for
    annotations: tuple[dict[str, Any], ...] = ()  # of the text

    @property
    def reasoned(self) -> bool:
        return bool(self.reasoning) or self.opaque_alone

    def fragments(self) -> list[str]:
        """The text as it streams: word by word."""
        return [self.text] if self.one_line else words(self.text)


def words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def compose(prompt: Prompt, asked: Asked, row: Row) -> ModelResponse:
    """The response to a prompt.

    :raise Refused: a forced tool that isn't offered.
    """
    response = ModelResponse(calls=calls_for(prompt, asked))
    if response.calls:
        response = replace(response, finish="tool_calls", text=announcement(response.calls, row))
    else:
        response = replace(response, text=text_for(prompt, asked, row))
    if wants_reasoning(prompt, asked):
        response = replace(response, reasoning=THOUGHT)
    response = stop_at(response, prompt.body.get("stop_sequences") or ())
    if not asked.options.keys() & SIZED:
        response = cut_to_length(response, prompt.max_tokens)
    for name, change in CHANGES.items():
        if name in asked:
            response = change(response, asked)
    usage = count_usage(prompt, response)
    bill(row, usage)
    return response if "no-usage" in asked else replace(response, usage=usage)


def calls_for(prompt: Prompt, asked: Asked) -> tuple[Call, ...]:
    """The tool calls that a model would make here; without a plan none once a tool has returned a result."""
    if "plan" in asked and prompt.body.get("tool_choice") == "none":
        return ()
    if "plan" in asked:
        return tuple(planned(step, prompt.tools) for step in next_steps(prompt, asked))
    if "whitespace-loop" in asked:
        chosen = prompt.tools[:1] or (Tool("write_file", {}),)
    elif prompt.results or not prompt.tools:
        return ()
    else:
        chosen = choose_tools(prompt, asked)
    return tuple(call(tool, asked.text) for tool in chosen)


def next_steps(prompt: Prompt, asked: Asked) -> tuple[Step, ...]:
    """The one whose turn it is: each that was made has brought a result since the person spoke.

    Agents send the person's words along without tools, too, for a title or to warm up: nothing is done then.
    """
    return asked.plan[len(prompt.results) :][:1] if prompt.tools else ()


def planned(step: Step, tools: tuple[Tool, ...]) -> Call:
    """The call of a step of the plan.

    :raise Refused: the tool is not offered, or takes its arguments in the other form.
    """
    tool = next((tool for tool in tools if tool.name == step.tool), None)
    if tool is None:
        names = ", ".join(tool.name for tool in tools)
        raise Refused(misuse(f"the plan's tool {step.tool} is not offered; there are {names}"))
    if tool.custom != isinstance(step.arguments, str):
        form = "free text" if tool.custom else "an object"
        raise Refused(misuse(f"the plan's tool {step.tool} takes {form}"))
    arguments = step.arguments if isinstance(step.arguments, str) else orjson.dumps(step.arguments).decode()
    return Call(tool.name, arguments, secrets.token_hex(12), tool.custom, tool.namespace)


def choose_tools(prompt: Prompt, asked: Asked) -> tuple[Tool, ...]:
    choice = prompt.body.get("tool_choice", "auto")
    if choice == "none":
        return ()
    if isinstance(choice, dict):
        return (forced_tool(prompt.tools, (choice.get("function") or {}).get("name")),)
    if "tools" in asked:
        return prompt.tools
    named = tuple(tool for tool in prompt.tools if is_named(tool, asked.text))
    if named:
        return named if prompt.body.get("parallel_tool_calls", True) else named[:1]
    return prompt.tools[:1] if choice == "required" or WANTS_TOOL.search(asked.text) else ()


def is_named(tool: Tool, text: str) -> bool:
    """Tell whether a text names a tool, as "web_search" or as "web search"."""
    name = re.escape(tool.name).replace("_", "[_ ]")
    return re.search(rf"\b{name}\b", text) is not None


def forced_tool(tools: tuple[Tool, ...], name: object) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise Refused(invalid(f"Tool choice '{name}' not found in 'tools' parameter."))


def call(tool: Tool, text: str) -> Call:
    if tool.custom:
        return Call(tool.name, quote(text), secrets.token_hex(12), True, tool.namespace)
    arguments = invent({"type": "object", **tool.schema}, text.replace(tool.name, ""))
    return Call(tool.name, arguments, secrets.token_hex(12), False, tool.namespace)


def announcement(calls: tuple[Call, ...], row: Row) -> str:
    """Claude says what it is about to do; the others call without a word."""
    return f"I'll use {' and '.join(one.name for one in calls)}." if row["vendor"] == "Anthropic" else ""


def wants_reasoning(prompt: Prompt, asked: Asked) -> bool:
    effort = prompt.body.get("reasoning_effort")
    if asked.options.keys() & {"think", "late-summary"}:
        return True
    return effort not in (None, "none") or bool(prompt.body.get("thinking_budget"))


def text_for(prompt: Prompt, asked: Asked, row: Row) -> str:
    for name, write in TEXTS.items():
        if name in asked:
            return write(asked)
    if prompt.results:
        results = " ".join(prompt.results)
        return f"The tool answered: {quote(results)}.{citing(results)} I am {row['name']}, simulated."
    if made := formatted(prompt, asked):
        return made
    if prompt.images or prompt.documents:
        return f"I see {describe(prompt)}. {echo(asked, row)}"
    return echo(asked, row)


def echo(asked: Asked, row: Row) -> str:
    return f'You said: "{quote(asked.text)}". I am {row["name"]}, simulated: no model was asked.'


def quote(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def describe(prompt: Prompt) -> str:
    kinds = (("image", prompt.images), ("document", prompt.documents))
    return " and ".join(describe_all(kind, files) for kind, files in kinds if files)


def describe_all(kind: str, files: tuple[Image, ...]) -> str:
    listed = ", ".join(f"{file.media_type} of {file.size} bytes" for file in files)
    return f"{len(files)} {kind}{'s' * (len(files) > 1)} ({listed})"


def formatted(prompt: Prompt, asked: Asked) -> str:
    """The JSON that `response_format` asks for, or nothing."""
    wanted = prompt.body.get("response_format")
    if not isinstance(wanted, dict):
        return ""
    if wanted.get("type") == "json_schema":
        return invent((wanted.get("json_schema") or {}).get("schema", {}), asked.text)
    if wanted.get("type") == "json_object":
        return orjson.dumps({"answer": quote(asked.text), "simulated": True}).decode()
    return ""


def filler(size: int) -> str:
    return (FILLER * (size // len(FILLER) + 1))[:size].decode()


TEXTS: Mapping[str, Callable[[Asked], str]] = {
    "say": lambda asked: asked.rest,
    "empty": lambda _asked: "",
    "unicode": lambda _asked: UNICODE,
    "response-size": lambda asked: filler(asked.get("response-size", "bytes")),
    "big-line": lambda asked: filler(asked.get("big-line", "bytes")),
}

CHANGES: Mapping[str, Callable[[ModelResponse, Asked], ModelResponse]] = {
    "big-line": lambda response, _asked: replace(response, one_line=True),
    "length": lambda response, _asked: replace(response, finish="length"),
    "finish-error": lambda response, _asked: replace(response, finish="error"),
    "no-finish": lambda response, _asked: replace(response, finish=None),
    "opaque-alone": lambda response, _asked: replace(response, opaque_alone=True),
    "refusal": lambda response, _asked: replace(response, finish="refusal", calls=(), text=REFUSAL),
    "content-filter": lambda response, _asked: replace(
        response, filtered=True, finish="content_filter", calls=(), text="".join(words(response.text)[:3])
    ),
}


def stop_at(response: ModelResponse, sequences: Iterable[str]) -> ModelResponse:
    """The text up to the first stop sequence in it, if there is one."""
    places = [(response.text.find(one), one) for one in sequences if one in response.text]
    if not places:
        return response
    offset, stop = min(places)
    return replace(response, text=response.text[:offset], stopped_by=stop)


def cut_to_length(response: ModelResponse, max_tokens: int | None) -> ModelResponse:
    """Keeps what fits in `max_tokens`, the text first, then the calls.

    A call that is cut has half a JSON object as its arguments, as it does in reality.
    """
    if max_tokens is None or tokens_in(response) <= max_tokens:
        return response
    room = max_tokens * CHARACTERS_PER_TOKEN
    text = response.text[:room]
    calls = []
    room -= len(text)
    for one in response.calls:
        if room > 0:
            calls.append(replace(one, arguments=one.arguments[:room]))
        room -= len(one.arguments)
    return replace(response, text=text, calls=tuple(calls), finish="length")


def tokens_in(response: ModelResponse) -> int:
    """Tokens of the text and the calls, without the reasoning; rounded up."""
    characters = len(response.text) + sum(len(one.arguments) for one in response.calls)
    return -(-characters // CHARACTERS_PER_TOKEN)


def count_usage(prompt: Prompt, response: ModelResponse) -> Usage:
    thought = len(response.reasoning) // CHARACTERS_PER_TOKEN
    completion = max(1, tokens_in(response) + thought)
    return Usage(prompt.tokens, completion, thought, prompt.cached, prompt.written)


def bill(row: Row, usage: Usage) -> None:
    """Put what the response costs into the ledger, whether or not the response says so.

    A person's request takes as many premium requests as the model's multiplier, an agent's takes none.
    """
    entry: Entry | None = g.get("entry") if has_request_context() else None
    if entry is None:
        return
    entry.nano_aiu = cost(row, usage)["total_nano_aiu"]
    if "multiplier" in row["billing"]:
        by_person = entry.headers.get("x-initiator", "user") == "user"
        entry.premium = row["billing"]["multiplier"] if by_person else 0


def cost(row: Row, usage: Usage) -> dict[str, Any]:
    """`copilot_usage`: nano AI units, by the model's prices; what costs nothing says so without details."""
    prices = prices_of(row, usage.prompt_tokens)
    if not prices["input_price"]:
        return {"token_details": [], "total_nano_aiu": 0}
    fresh = usage.prompt_tokens - usage.cached_tokens - usage.written_tokens
    parts = (
        ("input", fresh, prices["input_price"]),
        ("cache_read", usage.cached_tokens, prices["cache_price"]),
        ("cache_write", usage.written_tokens, prices.get("cache_write_price", prices["input_price"])),
        ("output", usage.completion_tokens, prices["output_price"]),
    )
    left = discount_of(row)
    details = [
        detail(kind, tokens, round(price * left * NANO))
        for kind, tokens, price in parts
        if tokens or not kind.startswith("cache")
    ]
    details[0] |= {"model": row["id"]}
    total = sum(one["token_count"] * one["cost_per_batch"] // one["batch_size"] for one in details)
    return {"token_details": details, "total_nano_aiu": total}


def detail(kind: str, tokens: int, price: int) -> dict[str, Any]:
    return {"token_type": kind, "token_count": tokens, "cost_per_batch": price, "batch_size": BATCH}
