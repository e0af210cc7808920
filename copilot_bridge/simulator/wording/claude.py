"""Claude on the chat surface: a UUID for an id, no `object`, the role on every chunk, usage with the finish.

Parallel calls all have `index` 0, the name comes without `arguments` and the arguments without `id`.
Models with adaptive thinking number their calls well, and put them in a choice of their own.
Sources: fixtures of the official client; split choices as reported in public issues.
"""

from time import time
from typing import Any
from uuid import uuid4

from copilot_bridge.simulator.answers import Answer, Call, Usage, cost, words
from copilot_bridge.simulator.catalogue import Row

OPAQUE = "EqQBCkYIBhgCIkDsimulatedSignatureOfAThoughtThatNobodyHad=="
NO_USAGE = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0}
FRAGMENT = 16  # characters of a tool call's arguments in one chunk

Chunk = dict[str, Any]


def chunks(answer: Answer, row: Row) -> list[Chunk]:
    head = {"created": int(time()), "id": str(uuid4()), "model": row["id"]}
    numbered = bool(row["capabilities"]["supports"].get("adaptive_thinking"))
    choice = 1 if numbered and answer.calls else 0
    deltas = [*reasoning(answer), *({"content": text} for text in answer.fragments())]
    found = [chunk(head, 0, delta) for delta in deltas]
    found += [chunk(head, choice, delta) for delta in calling(answer.calls, numbered)]
    found = found or [chunk(head, 0, {"content": ""})]
    found[0]["usage"] = NO_USAGE
    return [*found, *finish(head, choice, answer, row)]


def chunk(head: Chunk, index: int, delta: Chunk) -> Chunk:
    # An opaque that comes alone is alone: without content and role.
    whole = delta if delta.keys() == {"reasoning_opaque"} else {"content": None, "role": "assistant"} | delta
    return {"choices": [{"index": index, "delta": whole}], **head}


def reasoning(answer: Answer) -> list[Chunk]:
    found: list[Chunk] = [{"content": "", "reasoning_text": part} for part in words(answer.reasoning)]
    if answer.opaque_alone:
        found.append({"reasoning_opaque": OPAQUE})
    elif answer.reasoned:
        found.append({"content": "", "reasoning_opaque": OPAQUE})
    return found


def calling(calls: tuple[Call, ...], numbered: bool) -> list[Chunk]:
    found = []
    for position, call in enumerate(calls):
        index = position if numbered else 0
        found.append(opened(index, call))
        found += [more(index, part) for part in fragments(call.arguments)]
    return [{"tool_calls": [part]} for part in found]


def opened(index: int, call: Call) -> Chunk:
    return {"function": {"name": call.name}, "id": tool_id(call), "index": index, "type": "function"}


def more(index: int, arguments: str) -> Chunk:
    return {"function": {"arguments": arguments}, "index": index, "type": "function"}


def fragments(arguments: str) -> list[str]:
    return [arguments[start : start + FRAGMENT] for start in range(0, len(arguments), FRAGMENT)]


def finish(head: Chunk, index: int, answer: Answer, row: Row) -> list[Chunk]:
    """The last chunk; without finish_reason and usage there is none."""
    if answer.finish is None and answer.usage is None:
        return []
    last = chunk(head, index, {})
    if answer.finish:
        last["choices"][0] = {"finish_reason": answer.finish, **last["choices"][0]}
    if answer.usage:
        last |= {"usage": usage_of(answer.usage), "copilot_usage": cost(row, answer.usage)}
    return [last]


def usage_of(usage: Usage) -> Chunk:
    return {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def whole(answer: Answer, row: Row) -> Chunk:
    """Split: text in the first choice, calls in the second; `index` is missing."""
    message: Chunk = {"role": "assistant", "content": answer.text}
    if answer.reasoning:
        message["reasoning_text"] = answer.reasoning
    if answer.reasoned:
        message["reasoning_opaque"] = OPAQUE
    messages = [message]
    if answer.calls:
        messages.append({"role": "assistant", "tool_calls": [called(call) for call in answer.calls]})
    reply = {
        "id": str(uuid4()),
        "model": row["id"],
        "choices": [{"finish_reason": answer.finish, "message": message} for message in messages],
    }
    if answer.usage:
        reply |= {"usage": usage_of(answer.usage), "copilot_usage": cost(row, answer.usage)}
    return reply


def called(call: Call) -> Chunk:
    return {
        "function": {"arguments": call.arguments, "name": call.name},
        "id": tool_id(call),
        "type": "function",
    }


def tool_id(call: Call) -> str:
    return f"toolu_bdrk_{call.id}"
