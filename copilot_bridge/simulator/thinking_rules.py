"""Refusals of thinking and of efforts by `/v1/messages`, in Anthropic's words."""

from collections.abc import Callable, Mapping
from typing import NoReturn

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.messages_parts import SIGNATURES, Body, extra, turns_of, unknown_tag, wrong
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused

Rule = Callable[[Body, Row, str], None]


def check_output_config(body: Body, row: Row, _betas: str) -> None:
    config = body.get("output_config") or {}
    for name in config.keys() - {"effort", "format"}:
        extra(f"output_config.{name}")
    effort = config.get("effort")
    if effort is None:
        return
    known = row["capabilities"]["supports"].get("reasoning_effort")
    if known is None:
        unfit_effort(f"model {row['id']} does not support reasoning effort")
    if effort not in known:
        listed = " ".join(known)
        unfit_effort(
            f'output_config.effort "{effort}" is not supported by model {row["id"]}; '
            f"supported values: [{listed}]"
        )
    off = (body.get("thinking") or {}).get("type") == "disabled"
    if off and effort in facts_of(row["id"])["not_when_disabled"]:
        unfit_effort(f'output_config.effort "{effort}" is not supported when thinking is disabled')


def unfit_effort(message: str) -> NoReturn:
    raise Refused(invalid(message, "invalid_reasoning_effort"))


def check_thinking(body: Body, row: Row, betas: str) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    rule = THINKING.get(thinking.get("type"))
    if rule is None:
        unknown_tag("thinking", thinking.get("type"))
    rule(body, row, betas)
    if thinking["type"] != "disabled":
        check_beside_thinking(body)


def check_enabled(body: Body, row: Row, _betas: str) -> None:
    supports = row["capabilities"]["supports"]
    if "enabled" not in facts_of(row["id"])["thinking"]:
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
    if facts_of(row["id"])["thought_first"]:
        check_first_thought(body)


def check_first_thought(body: Body) -> None:
    """A turn that goes on with results has begun with a thought, and none comes before given words."""
    if body["messages"][-1].get("role") == "assistant":
        wrong("`thinking` can't be enabled when the conversation ends with an assistant message")
    begun: list[tuple[str, Body]] = []
    for role, turn in reversed(list(turns_of(body))):
        if role == "assistant":
            begun = turn
        elif not any(block.get("type") == "tool_result" for _path, block in turn):
            break
    for path, block in begun[:1]:
        if block.get("type") not in SIGNATURES:
            wrong(
                f"{path}.type: Expected `thinking` or `redacted_thinking`, but found `{block.get('type')}`. "
                "When `thinking` is enabled, a final `assistant` message must start with a thinking block "
                "(preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
            )


def check_adaptive(body: Body, row: Row, _betas: str) -> None:
    if "adaptive" not in facts_of(row["id"])["thinking"]:
        wrong("adaptive thinking is not supported on this model")
    if "budget_tokens" in body["thinking"]:
        extra("thinking.adaptive.budget_tokens")


def check_disabled(_body: Body, row: Row, _betas: str) -> None:
    if "disabled" not in facts_of(row["id"])["thinking"]:
        wrong('"thinking.type.disabled" is not supported for this model.')


THINKING: Mapping[object, Rule] = {
    "enabled": check_enabled,
    "adaptive": check_adaptive,
    "disabled": check_disabled,
}


def check_beside_thinking(body: Body) -> None:
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        wrong("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1):
        wrong("`temperature` may only be set to 1 when thinking is enabled.")
