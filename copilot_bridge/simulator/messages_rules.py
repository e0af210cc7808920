"""Refusals of `/v1/messages`, in Anthropic's words.

Paths name the variant that was read, as the real ones do: `tools.0.custom.defer_loading`,
`system.1.cache_control.ephemeral.ttl`, `messages.0.content.0.text.cache_control.ephemeral.scope`.
"""

import re
from collections.abc import Callable, Mapping

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.extra_rules import check_extras
from copilot_bridge.simulator.image_rules import check_images
from copilot_bridge.simulator.kinds import MESSAGES, NUMBER, TEXT_OR_LIST, TEXT_OR_OBJECT, Kind, first_misfit
from copilot_bridge.simulator.messages_parts import (
    Body,
    allows,
    extra,
    places_of,
    wrong,
)
from copilot_bridge.simulator.messages_tool_rules import check_tool_choice, check_tools
from copilot_bridge.simulator.messages_turn_rules import (
    check_blocks,
    check_end,
    check_pairs,
    check_roles,
    check_signatures,
)
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.output_format_rules import check_output_format
from copilot_bridge.simulator.thinking_rules import check_output_config, check_thinking

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
    check_output_format,
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
