"""`POST /responses`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue, flood
from copilot_bridge.simulator.directives import RESPONSES, WEBSOCKET, Asked, read
from copilot_bridge.simulator.edits import DONE, write_named
from copilot_bridge.simulator.faults import refuse_if_asked
from copilot_bridge.simulator.gate import Caller, check_session, check_vision
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.model_response import CHARACTERS_PER_TOKEN, THOUGHT, ModelResponse, compose
from copilot_bridge.simulator.prompt import IMAGE_TOKENS, Image, Prompt, Tool, read_image, typed
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.responses_rules import MAY_CALL, RESULTS, check, check_types
from copilot_bridge.simulator.transport import Faults, deliver, deliver_whole
from copilot_bridge.simulator.web import by_model
from copilot_bridge.simulator.wording.responses import ResponsesWording
from copilot_bridge.simulator.world import world

PATH = "/responses"
THOUGHT_TOKENS = len(THOUGHT) // CHARACTERS_PER_TOKEN

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A request that was taken.  `connection` owns the ids of its items."""

    caller: Caller
    body: Item
    row: catalogue.Row
    prompt: Prompt
    asked: Asked
    connection: str

    def wording(self) -> ResponsesWording:
        account = self.caller.github_token

        def give(text: str, encrypted: bool) -> None:
            world().keepsakes.give(text, account if encrypted else self.connection)

        return ResponsesWording(self.model_response(), self.row, self.body, self.asked, give)

    def model_response(self) -> ModelResponse:
        """The response, after a search if one is offered and wanted."""
        response = compose(self.prompt, self.asked, self.row)
        if not searches(self.body, self.asked):
            return response
        query = " ".join(self.asked.text.split())[:100] or "nothing"
        text, annotations = by_model(query)
        return replace(response, text=text, annotations=tuple(annotations), searched=query, calls=())


def searches(body: Item, asked: Asked) -> bool:
    """Return whether the model searches: if nothing else can be called and it must, or if it is asked to."""
    kinds = [str(tool.get("type")) for tool in body.get("tools") or () if isinstance(tool, dict)]
    offered = [kind for kind in kinds if kind.startswith("web_search")]
    choice = body.get("tool_choice")
    named = isinstance(choice, dict) and str(choice.get("type")).startswith("web_search")
    forced = named or (choice == "required" and len(offered) == len(kinds))
    return bool(offered) and (forced or "search" in asked)


def take(caller: Caller, body: Item, surface: str = RESPONSES, connection: str = "") -> Turn:
    """Checks in the order of the real one: session, model, quota, then the request itself.

    :param connection: by HTTP it is the account.
    """
    check_session(caller)
    row = catalogue.pick(body.get("model"), caller, f"ws:{PATH}" if surface == WEBSOCKET else PATH, "chat")
    if caller.persona.chat:
        refuse(caller.persona.chat)
    check_types(body)
    prompt = read_prompt(body)
    check_vision(bool(prompt.images))
    asked = read(prompt.text, world().directives)
    asked.allow(surface, prompt.stream)
    refuse_if_asked(asked, body, RESPONSES)
    connection = connection or caller.github_token
    check(body, row, caller.github_token, connection)
    return Turn(caller, body, row, prompt, asked, connection)


def create_response(caller: Caller) -> Response:
    body = parse(request.get_data())
    if not isinstance(body, dict):
        raise Refused(invalid("failed to parse request body"))
    turn = take(caller, body)
    if turn.prompt.stream:
        return deliver(*events_for(turn), Faults.asked(turn.asked))
    return deliver_whole(orjson.dumps(turn.wording().whole()), Faults.asked(turn.asked))


def events_for(turn: Turn) -> tuple[Iterable[bytes], float]:
    """The SSE events of a response, and the pause between them in seconds."""
    if "flood" in turn.asked:
        return flood.render_named(RESPONSES, turn.asked.options["flood"], turn.row)
    events = [write_named(event) for event in turn.wording().events()]
    return [*events, DONE] if "done-marker" in turn.asked else events, world().pace


def read_prompt(body: Item) -> Prompt:
    """Reads a body of the responses surface.

    :raise Refused: no input, or an image that can't be read.
    """
    items = items_of(body.get("input"))
    asking = (index for index, one in enumerate(items) if one.get("role") == "user" and typed(text_of(one)))
    last = max(asking, default=0)
    results = [item for item in items[last:] if item.get("type") in RESULTS]
    images = tuple(read_image(url) for item in items for url in urls_of(item))
    tokens = count_tokens(body, items) + IMAGE_TOKENS * len(images)
    return Prompt(
        body=settings_of(body),
        text=typed(text_of(items[last])) if "role" in items[last] else "",
        images=images,
        documents=tuple(document for item in items for document in documents_of(item)),
        tools=tuple(read_tools(offered(body, items))),
        results=tuple(map(result_of, results)),
        tokens=tokens,
        cached=tokens // 2 if is_cached(body) else 0,
    )


def items_of(given: object) -> list[Item]:
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise Refused(invalid("Invalid 'input': a string or a list with at least one item is required"))
    if not all(isinstance(item.get("type", ""), str) for item in given):
        raise Refused(invalid("Invalid type for 'input[].type': a string is required"))
    return given


def parts_of(item: Item) -> Iterator[Item]:
    """The parts of a message's content or of a tool's output."""
    content = item.get("content", item.get("output"))
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))
    elif isinstance(content, str):
        yield {"type": "input_text", "text": content}


def text_of(item: Item) -> str:
    return "\n".join(str(part["text"]) for part in parts_of(item) if "text" in part)


def result_of(item: Item) -> str:
    """The text that a tool gave back, with its images named."""
    seen = [f"[{image.media_type} of {image.size} bytes]" for image in map(read_image, urls_of(item))]
    return " ".join([text_of(item), *seen]).strip()


def urls_of(item: Item) -> Iterator[str]:
    return (str(part.get("image_url")) for part in parts_of(item) if part.get("type") == "input_image")


def documents_of(item: Item) -> Iterator[Image]:
    """The files of an item.

    :raise Refused: a file by address or by id.
    """
    for part in parts_of(item):
        if part.get("type") == "input_file":
            if not isinstance(part.get("file_data"), str):
                raise Refused(invalid("input_file: only file_data is supported"))
            yield read_image(part["file_data"])


def settings_of(body: Item) -> dict[str, Any]:
    """The settings under chat's names."""
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is None and str(body.get("model")).startswith("gpt-5"):
        effort = "medium"
    wanted = (body.get("text") or {}).get("format")
    wanted = wanted if isinstance(wanted, dict) else {}
    return {
        "stream": body.get("stream"),
        "max_tokens": room_for(body.get("max_output_tokens"), effort),
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "tool_choice": choice_of(body.get("tool_choice", "auto")),
        "reasoning_effort": effort,
        "response_format": {"type": wanted.get("type"), "json_schema": wanted},
    }


def room_for(limit: int | None, effort: object) -> int | None:
    """The part of the output's limit that reasoning leaves; it takes no more than half here."""
    if limit is None or effort in (None, "none"):
        return limit
    return limit - min(THOUGHT_TOKENS, limit // 2)


def choice_of(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "allowed_tools":
        return choice.get("mode", "auto")
    return {"type": "function", "function": {"name": choice.get("name")}}


def read_tools(tools: list[Any], namespace: str | None = None) -> Iterator[Tool]:
    """The tools that a model here calls: functions and tools with free text."""
    for tool in tools:
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind == "namespace":
            yield from read_tools(listed(tool.get("tools")), str(tool.get("name")))
        elif str(kind) in MAY_CALL:
            schema = tool.get("parameters")
            schema = schema if isinstance(schema, dict) else {}
            yield Tool(str(tool.get("name")), schema, kind == "custom", namespace)


def offered(body: Item, items: list[Item]) -> list[Any]:
    """The tools of the request, and those that came in its course."""
    added = (listed(item.get("tools")) for item in items if item.get("type") == "additional_tools")
    return [*(body.get("tools") or []), *chain.from_iterable(added)]


def listed(given: object) -> list[Any]:
    return given if isinstance(given, list) else []


def is_cached(body: Item) -> bool:
    """A context that is managed ends the cache of some models."""
    managed = (
        "context_management" in body and not facts_of(str(body.get("model")))["managed_context_is_cached"]
    )
    return bool(body.get("prompt_cache_key")) and not managed


def count_tokens(body: Item, items: list[Item]) -> int:
    """About four characters make a token."""
    tokens = sum(4 + len(text_of(item)) // 4 + len(str(item.get("arguments") or "")) // 4 for item in items)
    around = len(str(body.get("tools") or "")) + len(str(body.get("instructions") or ""))
    return max(1, tokens + around // 4)


ROUTES = (("POST", PATH, create_response),)
