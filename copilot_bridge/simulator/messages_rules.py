"""Refusals of `/v1/messages`, in Anthropic's words.

Paths name the variant that was read, as the real ones do: `tools.0.custom.defer_loading`,
`system.1.cache_control.ephemeral.ttl`, `messages.0.content.0.text.cache_control.ephemeral.scope`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from copilot_bridge.simulator.answer_rules import check_answer
from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.extra_rules import check_extras
from copilot_bridge.simulator.image_rules import check_images
from copilot_bridge.simulator.kinds import MESSAGES, NUMBER, TEXT_OR_LIST, TEXT_OR_OBJECT, Kind, first_misfit
from copilot_bridge.simulator.limit_rules import (
    blank_text,
    union_at_root,
    wrong_id,
    wrong_media,
)
from copilot_bridge.simulator.messages_parts import (
    SEALS,
    Body,
    extra,
    listed,
    places_of,
    turns_of,
    unknown_tag,
    wrong,
)
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.refusals.forms import invalid, plain_json
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.thinking_rules import check_output_config, check_thinking
from copilot_bridge.simulator.world import world

BETAS = (
    "interleaved-thinking-",
    "context-management-",
    "advanced-tool-use-",
    "mid-conversation-system-",
    "fallback-credit-",  # Copilot's CLI 1.0.102 sends fallback-credit-2026-07-01 with claude-opus-5
    "extended-cache-ttl-",
)
BREAKPOINTS = 4
FIELDS = frozenset(
    {
        "model",
        "messages",
        "system",
        "stream",
        "max_tokens",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "context_management",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
    }
)
CLIENT_TOOLS: Mapping[str, Mapping[str, Any]] = {
    "bash_": {"properties": {"command": {"type": "string"}}},
    "text_editor_": {"properties": {"command": {"enum": ["view"]}, "path": {"type": "string"}}},
    "memory_": {"properties": {"command": {"enum": ["view"]}, "path": {"const": "/memories"}}},
}
"""Typed tools that the client runs, by the beginning of their type, with the arguments they take."""

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
ADVANCED = ("eager_input_streaming", "defer_loading", "input_examples")
NEWER = (4, 5)  # from here on temperature and top_p exclude each other

CALLED: Mapping[Kind, str] = {
    dict: "dictionary",
    list: "list",
    str: "string",
    int: "integer",
    NUMBER: "number",
    TEXT_OR_LIST: "string",
    TEXT_OR_OBJECT: "dictionary",
}
"""Kinds of values, as Anthropic calls them."""

Rule = Callable[[Body, Row, str], None]


def check(body: Body, row: Row, owner: str, betas: str) -> None:
    """Holds a request against all rules of the surface.

    :param owner: the GitHub token; the signatures given to it may come back.
    :raise Refused: the first rule that the request breaks.
    """
    check_count(body, row, owner, betas)
    for rule in GENERATING:
        rule(body, row, betas)


def check_count(body: Body, row: Row, owner: str, betas: str) -> None:
    """The rules that hold for counting, too."""
    for rule in SHAPE:
        rule(body, row, betas)
    check_signatures(body, owner)


def check_types(body: Body) -> None:
    """Checks the kinds of values without which a request can't be read."""
    if misfit := first_misfit(body, MESSAGES):
        where, kind = misfit
        wrong(f"{where}: Input should be a valid {CALLED[kind]}")


def version(row: Row) -> tuple[int, int]:
    found = re.search(r"-(\d+)(?:\.(\d+))?", row["id"])
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def allows(betas: str, prefix: str) -> bool:
    return any(beta.strip().startswith(prefix) for beta in betas.split(","))


def check_betas(_body: Body, _row: Row, betas: str) -> None:
    unknown = [
        beta.strip() for beta in betas.split(",") if beta.strip() and not beta.strip().startswith(BETAS)
    ]
    if unknown:
        wrong(
            f"Unexpected value(s) {', '.join(f'`{one}`' for one in unknown)} for the `anthropic-beta` header."
        )


def check_fields(body: Body, _row: Row, betas: str) -> None:
    for name in body:
        if name not in FIELDS:
            extra(name)
    if "context_management" in body and not allows(betas, "context-management-"):
        extra("context_management")


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
    """Tool calls are answered in the next turn, and nothing else is."""
    called: set[object] = set()
    for _role, turn in turns_of(body):
        answered = {
            block.get("tool_use_id"): path for path, block in turn if block.get("type") == "tool_result"
        }
        for one in answered.keys() - called:
            wrong(
                f"{answered[one]}: unexpected `tool_use_id` found in `tool_result` blocks: {one}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if missing := called - answered.keys():
            wrong(
                "`tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(map(str, missing))}. Each `tool_use` block must have a corresponding "
                "`tool_result` block in the next message."
            )
        called = {block.get("id") for _path, block in turn if block.get("type") == "tool_use"}


def check_tools(body: Body, _row: Row, betas: str) -> None:
    advanced = allows(betas, "advanced-tool-use-")
    for index, tool in enumerate(listed(body, "tools")):
        kind = tool.get("type", "custom")
        if str(kind).startswith("web_search"):
            raise Refused(invalid("The use of the web search tool is not supported.", "unsupported_value"))
        if kind == "custom":
            check_custom_tool(f"tools.{index}.custom", tool, advanced=advanced)
        elif not client_tool(tool) and not (advanced and str(kind).startswith("tool_search_tool_")):
            unknown_tag(f"tools.{index}", kind)


def check_custom_tool(path: str, tool: Body, *, advanced: bool) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            wrong(f"{path}.{name}: Field required")
    schema = tool["input_schema"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        wrong(f"{path}.input_schema.type: Input should be 'object'")
    if problem := union_at_root(f"{path}.input_schema", schema):
        wrong(problem)
    for name in ADVANCED:
        if name in tool and not advanced:
            extra(f"{path}.{name}")


def check_tool_choice(body: Body, _row: Row, _betas: str) -> None:
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        unknown_tag("tool_choice", choice.get("type"))
    names = [tool.get("name") for tool in listed(body, "tools")]
    if choice["type"] == "tool" and choice.get("name") not in names:
        wrong(f"Tool '{choice.get('name')}' not found in provided tools")


def client_tool(tool: Body) -> str | None:
    """The row of CLIENT_TOOLS that a tool belongs to."""
    return next((prefix for prefix in CLIENT_TOOLS if str(tool.get("type")).startswith(prefix)), None)


def check_cache(body: Body, row: Row, betas: str) -> None:
    marks = marks_of(body)
    hour = allows(betas, "extended-cache-ttl-") and facts_of(row["id"])["long_cache"]
    for path, mark in marks:
        for name in ("ttl", "scope"):
            if name in mark and not (hour and mark[name] == "1h"):
                extra(f"{path}.cache_control.ephemeral.{name}")
    if len(marks) > BREAKPOINTS:
        wrong(f"A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {len(marks)}.")


def marks_of(body: Body) -> list[tuple[str, Body]]:
    """Every `cache_control`, with the path of what it stands on."""
    return [(path, block["cache_control"]) for path, block in places_of(body) if block.get("cache_control")]


def check_signatures(body: Body, owner: str) -> None:
    for index, message in enumerate(body["messages"]):
        for number, block in enumerate(listed(message, "content")):
            if (kind := block.get("type")) in SEALS:
                sealed, content = SEALS[kind]
                if not world().keepsakes.is_genuine(block.get(sealed), owner, str(block.get(content, ""))):
                    wrong(f"messages.{index}.content.{number}: Invalid `{sealed}` in `{kind}` block")


def check_max_tokens(body: Body, row: Row, _betas: str) -> None:
    given = body.get("max_tokens")
    limits = row["capabilities"]["limits"]
    if given is None:
        wrong("max_tokens: Field required")
    if not isinstance(given, int) or given < 1:
        wrong("max_tokens: Input should be greater than or equal to 1")
    if given > limits["max_output_tokens"]:
        wrong(
            f"max_tokens: {given} > {limits['max_output_tokens']}, which is the maximum allowed number of "
            f"output tokens for {row['id']}"
        )
    if not body.get("stream") and given > limits.get("max_non_streaming_output_tokens", given):
        wrong("Streaming is required for operations that may take longer than 10 minutes.")


def check_sampling(body: Body, row: Row, _betas: str) -> None:
    if version(row) >= NEWER and body.get("temperature") is not None and body.get("top_p") is not None:
        wrong("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


SHAPE: tuple[Rule, ...] = (
    check_betas,
    check_fields,
    check_output_config,
    check_answer,
    check_roles,
    check_blocks,
    check_extras,
    check_images,
    check_pairs,
    check_tools,
    check_tool_choice,
    check_cache,
)
GENERATING: tuple[Rule, ...] = (check_end, check_max_tokens, check_thinking, check_sampling)
