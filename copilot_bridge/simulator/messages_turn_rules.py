"""Refusals of the conversation of `/v1/messages`: its roles, blocks, calls and signatures."""

from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.limit_rules import blank_text, wrong_id, wrong_media
from copilot_bridge.simulator.messages_parts import (
    SIGNATURES,
    Body,
    listed,
    turns_of,
    unknown_tag,
    wrong,
)
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.refusals.forms import plain_json
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import world

BLOCKS = frozenset(
    {
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
        "search_result",
        "server_tool_use",
        "tool_search_tool_result",
    }
)


def check_roles(body: Body, row: Row, _betas: str) -> None:
    roles = [message.get("role") for message in body["messages"]]
    for index, role in enumerate(roles):
        if role == "system":
            check_system_message(index, roles, row)
        elif role not in ("user", "assistant"):
            wrong(f"messages.{index}.role: Input should be 'user' or 'assistant'")


def check_system_message(index: int, roles: list[Any], row: Row) -> None:
    if not facts_of(row["id"])["system_messages"]:
        raise Refused(plain_json(UNEXPECTED_SYSTEM))
    if roles[:index][-1:] != ["user"]:
        wrong(
            f"messages.{index}: role 'system' must follow a 'user' message or an 'assistant' message ending "
            "in a server tool result"
        )
    if roles[index + 1 :][:1] not in ([], ["assistant"]):
        wrong(f"messages.{index}: role 'system' must precede an 'assistant' message or end the array")


UNEXPECTED_SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
    '"system" as an input message role.'
)


def check_end(body: Body, row: Row, _betas: str) -> None:
    if body["messages"][-1].get("role") == "assistant" and not facts_of(row["id"])["prefill"]:
        wrong(
            "This model does not support assistant message prefill. The conversation must end with a user "
            "message."
        )


def check_blocks(body: Body, _row: Row, _betas: str) -> None:
    """Known kinds, and no text is empty, except that an assistant's turn at the end may be."""
    for index, message in enumerate(body["messages"]):
        content = message.get("content")
        if content in ("", [], None) and index < len(body["messages"]) - 1:
            wrong(f"messages.{index}: all messages must have non-empty content")
        for number, block in enumerate(content if isinstance(content, list) else ()):
            check_block(f"messages.{index}.content.{number}", block)
    for block in listed(body, "system"):
        if not block.get("text"):
            wrong("system: text content blocks must be non-empty")


def check_block(path: str, block: Body) -> None:
    kind = block.get("type")
    if str(kind) not in BLOCKS:
        unknown_tag(path, kind)
    if kind == "text" and not block.get("text"):
        wrong("messages: text content blocks must be non-empty")
    if blank_text(block):
        wrong("messages: text content blocks must contain non-whitespace text")
    for problem in (
        wrong_id(f"{path}.tool_use.id", block.get("id")) if kind == "tool_use" else None,
        wrong_id(f"{path}.tool_result.tool_use_id", block.get("tool_use_id"))
        if kind == "tool_result"
        else None,
        wrong_media(f"{path}.image", block) if kind == "image" else None,
    ):
        if problem:
            wrong(problem)
    if kind == "tool_result":
        for number, one in enumerate(listed(block, "content")):
            if one.get("type") == "text" and not one.get("text"):
                wrong(f"{path}.tool_result.content.{number}.text: text content blocks must be non-empty")


def check_pairs(body: Body, _row: Row, _betas: str) -> None:
    """The next turn has the results of the tool calls, and of nothing else."""
    called: set[object] = set()
    for _role, turn in turns_of(body):
        resulting = {
            block.get("tool_use_id"): path for path, block in turn if block.get("type") == "tool_result"
        }
        for one in resulting.keys() - called:
            wrong(
                f"{resulting[one]}: unexpected `tool_use_id` found in `tool_result` blocks: {one}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if missing := called - resulting.keys():
            wrong(
                "`tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(map(str, missing))}. Each `tool_use` block must have a corresponding "
                "`tool_result` block in the next message."
            )
        called = {block.get("id") for _path, block in turn if block.get("type") == "tool_use"}


def check_signatures(body: Body, owner: str) -> None:
    for index, message in enumerate(body["messages"]):
        for number, block in enumerate(listed(message, "content")):
            if (kind := block.get("type")) in SIGNATURES:
                field, content = SIGNATURES[kind]
                if not world().keepsakes.is_genuine(block.get(field), owner, str(block.get(content, ""))):
                    wrong(f"messages.{index}.content.{number}: Invalid `{field}` in `{kind}` block")
