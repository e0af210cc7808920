"""Adaptations of Chat Completions bodies to Copilot: a rule for each quirk.

Each rule gets the body and the model, changes the body in place and returns whether it did, so that an
unchanged body is sent as the bytes that came.
"""

import logging
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from copilot_bridge.dialects.provider_details import is_foreign
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.caching import adapt_chat_breakpoints, dicts
from copilot_bridge.upstream.quirks.chat_limits import (
    adapt_chat_documents,
    adapt_chat_ids,
    adapt_chat_order,
    adapt_chat_output,
    adapt_chat_schemas,
    adapt_chat_texts,
)
from copilot_bridge.upstream.quirks.common import check_named_choice
from copilot_bridge.upstream.quirks.efforts import budget_within, nearest
from copilot_bridge.upstream.quirks.tool_ids import adapt_tool_call_ids
from copilot_bridge.upstream.quirks.turns import adapt_chat_end

log = logging.getLogger(__name__)

Body = dict[str, Any]
Rule = Callable[[Body, Model], bool]

GOOGLE = "Google"
VALIDATED = "validated"
LIMITS = ("max_tokens", "max_completion_tokens")

# Fields that Copilot refuses and that do not change the response.  Seen 2026, several proxies.
DROPPED = ("store", "metadata", "service_tier", "modalities", "prompt_cache_retention")

# Keys that the OpenAI SDK writes with null when a program sends a response back unchanged.
NULLABLE = ("tool_calls", "function_call", "refusal", "audio", "annotations", "name")


def use_model_id(body: Body, model: Model) -> bool:
    changed: bool = body["model"] != model.id
    body["model"] = model.id
    return changed


def pop(body: Body, fields: tuple[str, ...]) -> bool:
    given = [field for field in fields if field in body]
    for field in given:
        del body[field]
    return bool(given)


def drop_advisory(body: Body, _model: Model) -> bool:
    return pop(body, DROPPED)


def drop_empty_tools(body: Body, _model: Model) -> bool:
    """Remove `tools: []` and a choice among no tools, which are refused.

    :raises Unsupported: a tool call is required.
    """
    if body.get("tools"):
        return False
    check_named_choice(body.get("tool_choice"), [])
    return bool(
        [body.pop(field) for field in ("tools", "tool_choice", "parallel_tool_calls") if field in body]
    )


def adapt_choice(body: Body, model: Model) -> bool:
    """Offer only the allowed tools, because Copilot has no choice among some of them.

    `validated` exists for Gemini only: the model chooses and keeps to the schemas of the tools.
    """
    choice = body.get("tool_choice")
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if choice == VALIDATED and model.vendor != GOOGLE:
        body["tool_choice"] = "auto"
        return True
    if not isinstance(allowed, dict):
        return False
    names = [tool_name(tool) for tool in dicts(allowed.get("tools"))]
    body["tools"] = [tool for tool in dicts(body.get("tools")) if tool_name(tool) in names]
    body["tool_choice"] = allowed.get("mode") or "auto"
    return True


def tool_name(tool: Body) -> Any:
    """The name of a function or a custom tool."""
    inner = tool.get("function") or tool.get("custom")
    return inner.get("name") if isinstance(inner, dict) else None


def drop_signatures(body: Body, model: Model) -> bool:
    """Remove the signatures of Gemini's tool calls if another model continues."""
    if model.vendor == GOOGLE:
        return False
    changed = False
    for message in body["messages"]:
        for call in dicts(message.get("tool_calls")):
            changed |= pop(call, ("extra_content",))
            for function in dicts([call.get("function")]):
                changed |= pop(function, ("thought_signature",))
    return changed


def adapt_effort(body: Body, model: Model) -> bool:
    """Replace the effort by the nearest one that the model has."""
    known = model.profile.efforts or ()
    if body.get("reasoning_effort") is None:
        return pop(body, ("reasoning_effort",))
    if model.profile.accepts_unlisted_efforts and not known:
        return False
    wanted = body.pop("reasoning_effort")
    if effort := nearest(wanted, known, "reasoning_effort"):
        body["reasoning_effort"] = effort
    return bool(effort != wanted)


def adapt_budget(body: Body, model: Model) -> bool:
    """Keep a thinking budget within the limits of Claude and Gemini; remove it for other models."""
    given = body.pop("thinking_budget", None)
    wanted = given if isinstance(given, int) and not isinstance(given, bool) else 0
    maximum, minimum = (
        model.supports.get("max_thinking_budget"),
        model.supports.get("min_thinking_budget") or 0,
    )
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"), model.max_output_tokens)
    limit = min(filter(None, limits), default=0)
    if wanted > 0 and maximum and may_think(body.get("messages") or [], model):
        body["thinking_budget"] = budget_within(wanted, limit, maximum, minimum)
    if body.get("thinking_budget") is None:
        body.pop("thinking_budget", None)
    return bool(body.get("thinking_budget") != given)


def may_think(messages: list[Body], model: Model) -> bool:
    """Return whether thinking may come next.

    Claude does not think in a turn that continues after tool results and began without thinking, nor before
    a prefilled response.
    """
    if not model.profile.requires_thinking_first:
        return True
    turn = list(takewhile(lambda message: message["role"] in ("tool", "assistant"), reversed(messages)))
    responses = [message for message in turn if message["role"] == "assistant"]
    if turn and turn[0]["role"] == "assistant":
        return False
    return not responses or bool(responses[-1].get("reasoning_opaque"))


def limit_temperature(body: Body, model: Model) -> bool:
    """Keep the temperature within the model's maximum (OpenAI 2, Claude 1), or at its only good value."""
    before = {name: body.get(name) for name in ("temperature", "top_p")}
    given, maximum = before["temperature"], model.profile.max_temperature
    if maximum is not None and isinstance(given, int | float) and given > maximum:
        log.debug("the temperature %s exceeds the maximum of %s", given, model.id)
        body["temperature"] = maximum
    body |= model.profile.fixed_sampling
    return before != {name: body.get(name) for name in before}


def rename_developer(body: Body, model: Model) -> bool:
    if model.profile.developer_role:
        return False
    developers = [message for message in body["messages"] if message["role"] == "developer"]
    for message in developers:
        message["role"] = "system"
    return bool(developers)


def replay_reasoning(body: Body, model: Model) -> bool:
    """Rename `reasoning_content` of clients to Copilot's field, for models that take reasoning back."""
    changed = False
    for message in body["messages"]:
        if "reasoning_content" in message:
            reasoning = message.pop("reasoning_content")
            if reasoning and model.profile.replays_reasoning:
                message.setdefault("reasoning_text", reasoning)
            changed = True
        opaque = str(message.get("reasoning_opaque", ""))
        if opaque and (not model.profile.replays_reasoning or is_foreign(opaque)):
            del message["reasoning_opaque"]
            changed = True
    return changed


def drop_nulls(body: Body, _model: Model) -> bool:
    changed = False
    for message in body["messages"]:
        for key in NULLABLE:
            if key in message and message[key] is None:
                del message[key]
                changed = True
    return changed


def limit_output(body: Body, model: Model) -> bool:
    """Set one limit, under the model's name for it, and at most the model's own.

    Without a limit Copilot ends some models' responses at 4,096 tokens; to one that is too high it responds
    400.
    """
    before = {name: body.pop(name) for name in LIMITS if name in body}
    wanted = before.get("max_completion_tokens") or before.get("max_tokens")
    limit = min(filter(None, (wanted, model.max_output_tokens)), default=None)
    after = {model.profile.output_limit_field: limit} if limit else {}
    body |= after
    return before != after


RULES: tuple[Rule, ...] = (
    use_model_id,
    drop_advisory,
    adapt_choice,
    drop_empty_tools,
    adapt_chat_ids,
    adapt_chat_order,
    adapt_chat_schemas,
    adapt_chat_output,
    adapt_chat_documents,
    adapt_chat_texts,
    rename_developer,
    replay_reasoning,
    drop_signatures,
    drop_nulls,
    adapt_chat_end,
    adapt_effort,
    adapt_budget,
    limit_temperature,
    adapt_tool_call_ids,
    adapt_chat_breakpoints,
    limit_output,
)


def adapt(body: Body, model: Model) -> bool:
    """Make the body one that Copilot takes for this model.  True if anything had to change."""
    changes = [rule(body, model) for rule in RULES]
    return any(changes)
