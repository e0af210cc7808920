"""Refusals of `/chat/completions` that depend on the model, in Copilot's words."""

import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.limit_rules import many_stops, open_function
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.prompt import Prompt
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused

OPENAI = ("OpenAI", "Azure OpenAI")

Facts = Mapping[str, Any]
Rule = Callable[[Prompt, Row, Facts], str | None]


def check(prompt: Prompt, row: Row) -> None:
    """Holds a request against the rules of its model.

    :raise Refused: the first rule that the request breaks.
    """
    for rule in RULES:
        if problem := rule(prompt, row, facts_of(row["id"])):
            raise Refused(invalid(problem))


def unstreamed(prompt: Prompt, row: Row, _facts: Facts) -> str | None:
    limit = row["capabilities"]["limits"].get("max_non_streaming_output_tokens")
    if limit and not prompt.stream and (prompt.max_tokens or 0) > limit:
        return f"max_tokens: {prompt.max_tokens} > {limit}, the maximum of {row['id']} without streaming"
    return None


def budget(prompt: Prompt, row: Row, _facts: Facts) -> str | None:
    wanted, supports = prompt.body.get("thinking_budget"), row["capabilities"]["supports"]
    if not isinstance(wanted, int) or "min_thinking_budget" not in supports:
        return None
    if not supports["min_thinking_budget"] <= wanted <= supports["max_thinking_budget"]:
        return f"thinking_budget: {wanted} is out of range for {row['id']}"
    if prompt.max_tokens is not None and wanted >= prompt.max_tokens:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    return None


def first_thought(prompt: Prompt, _row: Row, facts: Facts) -> str | None:
    """A turn that goes on with results has begun with a thought that was signed."""
    if not prompt.body.get("thinking_budget") or not facts["thought_first"]:
        return None
    turn = list(
        takewhile(lambda one: one.get("role") in ("tool", "assistant"), reversed(messages_of(prompt)))
    )
    assistant_messages = [one for one in turn if one.get("role") == "assistant"]
    if turn and (
        turn[0] in assistant_messages
        or not assistant_messages[-1:]
        or not assistant_messages[-1].get("reasoning_opaque")
    ):
        return "Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    return None


def effort(prompt: Prompt, row: Row, facts: Facts) -> str | None:
    wanted = prompt.body.get("reasoning_effort")
    listed = row["capabilities"]["supports"].get("reasoning_effort")
    if wanted is None or listed is None or wanted in (*listed, *facts["more_efforts"]):
        return None
    known = ", ".join(map(repr, listed))
    return (
        f"Unsupported value: 'reasoning_effort' does not support '{wanted}' with this model. "
        f"Supported values are: {known}."
    )


def end(prompt: Prompt, _row: Row, facts: Facts) -> str | None:
    if facts["prefill"] or messages_of(prompt)[-1].get("role") != "assistant":
        return None
    return (
        "This model does not support assistant message prefill. The conversation must end with a user "
        "message."
    )


def images(prompt: Prompt, _row: Row, facts: Facts) -> str | None:
    max_images = facts["images"]
    return (
        f"too many images: {len(prompt.images)} > {max_images}" if len(prompt.images) > max_images else None
    )


def call_ids(prompt: Prompt, _row: Row, facts: Facts) -> str | None:
    form = facts["tool_call_id"]
    given = (str(call.get("id")) for one in messages_of(prompt) for call in one.get("tool_calls") or ())
    wrong = next((id_ for id_ in given if form and not re.fullmatch(form, id_)), None)
    return None if wrong is None else f"tool_call_id {wrong} is invalid: expected functions.NAME:INDEX"


def sampling(prompt: Prompt, _row: Row, facts: Facts) -> str | None:
    for name, only in facts["sampling"].items():
        if prompt.body.get(name, only) != only:
            return f"invalid {name}: only {only} is allowed for this model"
    return None


def stops(prompt: Prompt, row: Row, _facts: Facts) -> str | None:
    return many_stops(prompt.body.get("stop")) if row["vendor"] in OPENAI else None


def functions(prompt: Prompt, row: Row, _facts: Facts) -> str | None:
    if row["vendor"] not in OPENAI:
        return None
    return next(filter(None, (open_function(tool.name, tool.schema) for tool in prompt.tools)), None)


def messages_of(prompt: Prompt) -> list[Any]:
    found: list[Any] = prompt.body["messages"]
    return found


RULES: tuple[Rule, ...] = (
    unstreamed,
    budget,
    first_thought,
    effort,
    end,
    images,
    call_ids,
    sampling,
    stops,
    functions,
)
