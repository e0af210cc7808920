"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue, flood
from copilot_bridge.simulator.directives import MESSAGES, Asked, read
from copilot_bridge.simulator.edits import DONE, write_named
from copilot_bridge.simulator.faults import refuse_if_asked
from copilot_bridge.simulator.gate import Caller, check_session, check_vision
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.messages_rules import check, check_count, check_types, marks_of
from copilot_bridge.simulator.messages_tool_rules import CLIENT_TOOLS, client_tool
from copilot_bridge.simulator.model_response import compose
from copilot_bridge.simulator.prompt import IMAGE_TOKENS, Image, Prompt, Tool, typed
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.refusals.forms import extra_inputs, invalid_message
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.transport import Faults, deliver, deliver_whole
from copilot_bridge.simulator.wording.messages import MessagesWording
from copilot_bridge.simulator.world import world

PATH = "/v1/messages"

Item = Mapping[str, Any]


def create_message(caller: Caller) -> Response:
    body, prompt, row = accept(caller)
    asked = read(prompt.text, world().directives)
    asked.allow(MESSAGES, prompt.stream)
    refuse_if_told(asked, body)
    check(body, row, caller.github_token, request.headers.get("anthropic-beta", ""))
    if prompt.stream:
        return deliver(*events_for(prompt, body, asked, row, caller), Faults.asked(asked))
    wording = make_wording(prompt, body, asked, row, caller)
    return deliver_whole(orjson.dumps(wording.whole()), Faults.asked(asked))


def count_message_tokens(caller: Caller) -> Response:
    """Directives have a count of their own here: a client counts the very message that it sends next."""
    body, prompt, row = accept(caller)
    asked = read(prompt.text, world().counting).before_response()
    refuse_if_told(asked, body)
    check_count(body, row, caller.github_token, request.headers.get("anthropic-beta", ""))
    return deliver_whole(orjson.dumps({"input_tokens": prompt.tokens}), Faults.asked(asked))


def accept(caller: Caller) -> tuple[Item, Prompt, catalogue.Row]:
    """Checks in the order of the real one: session, model, quota, then whether the request can be read."""
    body = parse(request.get_data())
    if not isinstance(body, dict):
        raise Refused(invalid_message("failed to parse request body"))
    check_session(caller)
    row = catalogue.pick(body.get("model"), caller, PATH, kind="chat")
    if caller.persona.chat:
        refuse(caller.persona.chat)
    check_types(body)
    prompt = read_prompt(body)
    check_vision(bool(prompt.images))
    return body, prompt, row


def refuse_if_told(asked: Asked, body: Item) -> None:
    """Refuses a request whose directives ask for it.

    :raise Refused: also what `extra-inputs` and `bad-signature` ask for, if the request has it.
    """
    refuse_if_asked(asked, body, MESSAGES)
    field = asked.get("extra-inputs", "field")
    if field is not None and reaches(body, field.split(".")):
        raise Refused(extra_inputs(field))
    if "bad-signature" in asked:
        for path, block in thoughts_in(body):
            raise Refused(invalid_message(f"{path}: Invalid `signature` in `{block['type']}` block"))


def reaches(value: Any, path: list[str]) -> bool:
    """Return whether a dotted path leads to something.

    Numbers count into lists; a variant's name is skipped.
    """
    *steps, last = path
    for step in steps:
        inner = step_into(value, step) if can_step(value, step) else None
        value = inner if isinstance(inner, dict | list) else value
    return can_step(value, last)


def can_step(value: Any, step: str) -> bool:
    if isinstance(value, list):
        return step.isdecimal() and int(step) < len(value)
    return isinstance(value, dict) and step in value


def step_into(value: Any, step: str) -> Any:
    return value[int(step)] if isinstance(value, list) else value[step]


def thoughts_in(body: Item) -> Iterator[tuple[str, Item]]:
    for index, message in enumerate(body["messages"]):
        for number, block in enumerate(blocks_of(message.get("content"))):
            if block.get("type") in ("thinking", "redacted_thinking"):
                yield f"messages.{index}.content.{number}", block


def events_for(
    prompt: Prompt, body: Item, asked: Asked, row: catalogue.Row, caller: Caller
) -> tuple[Iterable[bytes], float]:
    """The SSE events of a response, and the pause between them in seconds."""
    if "flood" in asked:
        return flood.render_named(MESSAGES, asked.options["flood"], row)
    events = [write_named(event) for event in make_wording(prompt, body, asked, row, caller).events()]
    return events if "error-in-stream" in asked else [*events, DONE], world().pace


def make_wording(
    prompt: Prompt, body: Item, asked: Asked, row: catalogue.Row, caller: Caller
) -> MessagesWording:
    def give(text: str, signed: str) -> None:
        world().keepsakes.give(text, caller.github_token, signed)

    return MessagesWording(compose(prompt, asked, row), row, body, asked, give)


def read_prompt(body: Item) -> Prompt:
    """Reads a body of the messages surface.

    :raise Refused: no messages, or an image that can't be read.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Refused(invalid_message("messages: at least one message is required"))
    asking = (index for index, one in enumerate(messages) if one.get("role") == "user" and says(one))
    last = max(asking, default=0)
    everything = [block for one in messages for block in all_blocks(one.get("content"))]
    tokens = count_tokens(body, everything)
    marked = bool(marks_of(body))
    return Prompt(
        body=settings_of(body),
        text=typed(text_of(blocks_of(messages[last].get("content")))),
        images=tuple(map(read_file, (block for block in everything if block.get("type") == "image"))),
        documents=tuple(map(read_file, (block for block in everything if block.get("type") == "document"))),
        tools=tuple(read_tools(body.get("tools") or [])),
        results=tuple(results_in(messages[last:])),
        tokens=tokens,
        cached=tokens // 2 if marked else 0,
        written=tokens // 4 if marked else 0,
    )


def blocks_of(content: object) -> Iterator[Item]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def all_blocks(content: object) -> Iterator[Item]:
    """The blocks, and those inside tool results."""
    for block in blocks_of(content):
        yield block
        if block.get("type") == "tool_result":
            yield from blocks_of(block.get("content"))


def says(message: Item) -> bool:
    """Return whether a message has something of the user's own, and not tool results alone."""
    blocks = list(blocks_of(message.get("content")))
    others = (block for block in blocks if block.get("type") not in ("tool_result", "text"))
    return bool(typed(text_of(blocks))) or any(others)


def text_of(blocks: Iterable[Item]) -> str:
    return "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def results_in(messages: list[Item]) -> Iterator[str]:
    for message in messages:
        for block in blocks_of(message.get("content")):
            if block.get("type") == "tool_result":
                inside = list(blocks_of(block.get("content")))
                images = [read_file(one) for one in inside if one.get("type") == "image"]
                seen = [f"[{image.media_type} of {image.size} bytes]" for image in images]
                error = ["error:"] if block.get("is_error") else []
                yield " ".join([*error, text_of(inside), *seen]).strip()


def read_file(block: Item) -> Image:
    """An image or a document.

    :raise Refused: one by address or by id: Copilot fetches none.
    """
    source = block.get("source")
    source = source if isinstance(source, dict) else {}
    kind, data = source.get("type"), str(source.get("data", ""))
    if kind == "text":
        return Image("text/plain", len(data.encode()))
    if kind == "content":
        return Image("text/plain", len(text_of(blocks_of(source.get("content"))).encode()))
    if kind != "base64":
        raise Refused(invalid_message(f"external {block['type']} sources are not supported: {kind}"))
    try:
        return Image(str(source.get("media_type")), len(base64.b64decode(data, validate=True)))
    except ValueError:  # binascii.Error is one
        raise Refused(invalid_message(f"{block['type']}.source.base64: invalid base64 data")) from None


def settings_of(body: Item) -> dict[str, Any]:
    """The settings under chat's names."""
    choice = body.get("tool_choice") or {"type": "auto"}
    thinking = body.get("thinking") or {}
    wanted = (body.get("output_config") or {}).get("format")
    wanted = wanted if isinstance(wanted, dict) else {}
    return {
        "stream": body.get("stream"),
        "max_tokens": body.get("max_tokens"),
        "stop_sequences": body.get("stop_sequences"),
        "parallel_tool_calls": not choice.get("disable_parallel_tool_use"),
        "tool_choice": choice_of(choice),
        "reasoning_effort": "medium" if thinking.get("type") in ("enabled", "adaptive") else None,
        "response_format": {"type": wanted.get("type"), "json_schema": wanted},
    }


def choice_of(choice: Item) -> Any:
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return {"any": "required"}.get(str(choice.get("type")), choice.get("type"))


def read_tools(tools: list[Any]) -> Iterator[Tool]:
    """The tools that a model here calls: those of the client."""
    for tool in tools:
        if not isinstance(tool, dict):
            continue
        name = str(tool.get("name"))
        if tool.get("type", "custom") == "custom":
            yield Tool(name, tool.get("input_schema") or {})
        elif prefix := client_tool(tool):
            yield Tool(name, CLIENT_TOOLS[prefix])


def count_tokens(body: Item, blocks: list[Item]) -> int:
    """About four characters make a token; images and documents have a price of their own."""
    files = sum(IMAGE_TOKENS for block in blocks if block.get("type") in ("image", "document"))
    characters = sum(
        len(str(block.get(field) or "")) for block in blocks for field in ("text", "input", "thinking")
    )
    around = len(str(body.get("tools") or "")) + len(text_of(blocks_of(body.get("system"))))
    return max(1, 4 * len(body["messages"]) + files + (characters + around) // 4)


ROUTES = (
    ("POST", PATH, create_message),
    ("POST", f"{PATH}/count_tokens", count_message_tokens),
)
