"""What `/v1/messages` refuses, in its own words.

Paths name the variant that was read, as the real ones do: `tools.0.custom.defer_loading`,
`system.1.cache_control.ephemeral.ttl`, `messages.0.content.0.text.cache_control.ephemeral.scope`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, NoReturn

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.kinds import MESSAGES, NUMBER, TEXT_OR_LIST, TEXT_OR_OBJECT, Kind, first_misfit
from copilot_bridge.simulator.refusals import Refused, extra_inputs, invalid_message
from copilot_bridge.simulator.world import world

BETAS = (
    "interleaved-thinking-",
    "context-management-",
    "advanced-tool-use-",
    "mid-conversation-system-",
    "fallback-credit-",  # Copilot's CLI 1.0.102 sends fallback-credit-2026-07-01 with claude-opus-5
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
ADAPTIVE_ONLY = (4, 7)  # from here on thinking can't be `enabled`

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

Body = Mapping[str, Any]
Rule = Callable[[Body, Row, str], None]


def check(body: Body, row: Row, owner: str, betas: str) -> None:
    """:param owner: the GitHub token; the signatures given to it may come back.

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
    """What has to hold before the request can be read at all."""
    if misfit := first_misfit(body, MESSAGES):
        where, kind = misfit
        wrong(f"{where}: Input should be a valid {CALLED[kind]}")


def wrong(message: str) -> NoReturn:
    raise Refused(invalid_message(message))


def extra(path: str) -> NoReturn:
    raise Refused(extra_inputs(path))


def unknown_tag(path: str, kind: object) -> NoReturn:
    wrong(f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags")


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


def check_output_config(body: Body, row: Row, _betas: str) -> None:
    config = body.get("output_config") or {}
    for name in config.keys() - {"effort", "format"}:
        extra(f"output_config.{name}")
    if "effort" not in config:
        return
    known = row["capabilities"]["supports"].get("reasoning_effort")
    if known is None:
        extra("output_config.effort")
    if config["effort"] not in known:
        wrong(f"output_config.effort: Input should be {', '.join(map(repr, known))}")


def check_roles(body: Body, _row: Row, betas: str) -> None:
    for place, message in enumerate(body["messages"]):
        role = message.get("role")
        if role == "system" and not allows(betas, "mid-conversation-system-"):
            wrong(f"messages.{place}.role: Input should be 'user' or 'assistant'")
        if role not in ("user", "assistant", "system"):
            wrong(f"messages.{place}.role: Input should be 'user' or 'assistant'")


def check_blocks(body: Body, _row: Row, _betas: str) -> None:
    """Known kinds, and no text is empty, except that an assistant's turn at the end may be."""
    for place, message in enumerate(body["messages"]):
        content = message.get("content")
        if content in ("", [], None) and place < len(body["messages"]) - 1:
            wrong(f"messages.{place}: all messages must have non-empty content")
        for number, block in enumerate(content if isinstance(content, list) else ()):
            check_block(f"messages.{place}.content.{number}", block)
    for block in listed(body, "system"):
        if not block.get("text"):
            wrong("system: text content blocks must be non-empty")


def check_block(path: str, block: Body) -> None:
    kind = block.get("type")
    if str(kind) not in BLOCKS:
        unknown_tag(path, kind)
    if kind == "text" and not block.get("text"):
        wrong("messages: text content blocks must be non-empty")
    if kind == "tool_result":
        for number, one in enumerate(listed(block, "content")):
            if one.get("type") == "text" and not one.get("text"):
                wrong(f"{path}.tool_result.content.{number}.text: text content blocks must be non-empty")


def check_pairs(body: Body, _row: Row, _betas: str) -> None:
    """Tool calls are answered in the next turn, and nothing else is."""
    called: set[object] = set()
    for turn in turns_of(body):
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


def turns_of(body: Body) -> Iterator[list[tuple[str, Body]]]:
    """Blocks with their paths; messages of the same role that follow each other are one turn."""
    spoken = [(place, one) for place, one in enumerate(body["messages"]) if one.get("role") != "system"]
    for _role, group in groupby(spoken, key=lambda found: found[1].get("role")):
        yield [
            (f"messages.{place}.content.{number}", block)
            for place, message in group
            for number, block in enumerate(listed(message, "content"))
        ]


def check_tools(body: Body, _row: Row, betas: str) -> None:
    advanced = allows(betas, "advanced-tool-use-")
    for place, tool in enumerate(listed(body, "tools")):
        kind = tool.get("type", "custom")
        if kind != "custom":
            if not client_tool(tool) and not (advanced and str(kind).startswith("tool_search_tool_")):
                unknown_tag(f"tools.{place}", kind)
            continue
        for name in ("name", "input_schema"):
            if name not in tool:
                wrong(f"tools.{place}.custom.{name}: Field required")
        schema = tool["input_schema"]
        if not isinstance(schema, dict) or schema.get("type") != "object":
            wrong(f"tools.{place}.custom.input_schema.type: Input should be 'object'")
        for name in ADVANCED:
            if name in tool and not advanced:
                extra(f"tools.{place}.custom.{name}")


def check_tool_choice(body: Body, _row: Row, _betas: str) -> None:
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        unknown_tag("tool_choice", choice.get("type"))
    names = [tool.get("name") for tool in listed(body, "tools")]
    if choice["type"] == "tool" and choice.get("name") not in names:
        wrong(f"Tool '{choice.get('name')}' not found in provided tools")


def client_tool(tool: Body) -> str | None:
    """Its row of CLIENT_TOOLS."""
    return next((prefix for prefix in CLIENT_TOOLS if str(tool.get("type")).startswith(prefix)), None)


def check_cache(body: Body, _row: Row, _betas: str) -> None:
    marks = marks_of(body)
    for path, mark in marks:
        for name in ("ttl", "scope"):
            if name in mark:
                extra(f"{path}.cache_control.ephemeral.{name}")
    if len(marks) > BREAKPOINTS:
        wrong(f"A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {len(marks)}.")


def marks_of(body: Body) -> list[tuple[str, Body]]:
    """Every `cache_control`, with the path of what it stands on."""
    return [(path, block["cache_control"]) for path, block in places_of(body) if block.get("cache_control")]


def places_of(body: Body) -> Iterator[tuple[str, Body]]:
    """What a breakpoint may stand on."""
    for place, tool in enumerate(listed(body, "tools")):
        yield f"tools.{place}.{tool.get('type', 'custom')}", tool
    for place, block in enumerate(listed(body, "system")):
        yield f"system.{place}", block
    for place, message in enumerate(body["messages"]):
        for number, block in enumerate(listed(message, "content")):
            path = f"messages.{place}.content.{number}.{block.get('type')}"
            yield path, block
            for inner, one in enumerate(listed(block, "content")):
                yield f"{path}.content.{inner}.{one.get('type')}", one


def listed(holder: Body, name: str) -> list[Body]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def check_signatures(body: Body, owner: str) -> None:
    for place, message in enumerate(body["messages"]):
        for number, block in enumerate(listed(message, "content")):
            if (kind := block.get("type")) in SEALS:
                sealed, content = SEALS[kind]
                if not world().keepsakes.is_genuine(block.get(sealed), owner, str(block.get(content, ""))):
                    wrong(f"messages.{place}.content.{number}: Invalid `{sealed}` in `{kind}` block")


SEALS = {"thinking": ("signature", "thinking"), "redacted_thinking": ("data", "")}
"""The field that must be genuine, and the field that it seals."""


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


def check_thinking(body: Body, row: Row, betas: str) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    rule = THINKING.get(thinking.get("type"))
    if rule is None:
        unknown_tag("thinking", thinking.get("type"))
    rule(body, row, betas)
    if thinking["type"] != "disabled":
        check_beside_thinking(body)


def check_enabled(body: Body, row: Row, _betas: str) -> None:
    supports = row["capabilities"]["supports"]
    if supports.get("adaptive_thinking") and version(row) >= ADAPTIVE_ONLY:
        wrong(
            '"thinking.type.enabled" is not supported for this model. '
            'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    budget = body["thinking"].get("budget_tokens")
    if not isinstance(budget, int):
        wrong("thinking.enabled.budget_tokens: Field required")
    least = supports["min_thinking_budget"]
    if budget < least:
        wrong(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {least}")
    if budget >= body["max_tokens"]:
        wrong("`max_tokens` must be greater than `thinking.budget_tokens`")


def check_adaptive(body: Body, row: Row, _betas: str) -> None:
    if not row["capabilities"]["supports"].get("adaptive_thinking"):
        wrong("adaptive thinking is not supported on this model")
    if "budget_tokens" in body["thinking"]:
        extra("thinking.adaptive.budget_tokens")


THINKING: Mapping[object, Rule] = {
    "enabled": check_enabled,
    "adaptive": check_adaptive,
    "disabled": lambda _body, _row, _betas: None,
}


def check_beside_thinking(body: Body) -> None:
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        wrong("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1):
        wrong("`temperature` may only be set to 1 when thinking is enabled.")


def check_sampling(body: Body, row: Row, _betas: str) -> None:
    if version(row) >= NEWER and body.get("temperature") is not None and body.get("top_p") is not None:
        wrong("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


SHAPE: tuple[Rule, ...] = (
    check_betas,
    check_fields,
    check_output_config,
    check_roles,
    check_blocks,
    check_pairs,
    check_tools,
    check_tool_choice,
    check_cache,
)
GENERATING: tuple[Rule, ...] = (check_max_tokens, check_thinking, check_sampling)
