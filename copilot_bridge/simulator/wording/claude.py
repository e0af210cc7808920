"""Claude on the chat surface: a UUID for an id, no `object`, the role on every chunk, usage with the finish.

Parallel calls all have `index` 0, the name comes without `arguments` and the arguments without `id`.
Models with adaptive thinking number their calls well, and put them in a choice of their own.
Sources: fixtures of the official client; split choices as reported in public issues.
"""

from time import time
from typing import Any
from uuid import uuid4

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.model_response import Call, ModelResponse, Usage, cost, words

OPAQUE = "EqQBCkYIBhgCIkDsimulatedSignatureOfAThoughtThatNobodyHad=="
NO_USAGE = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0}
FRAGMENT = 16  # characters of a tool call's arguments in one chunk

Chunk = dict[str, Any]


def chunks(response: ModelResponse, row: Row) -> list[Chunk]:
    head = {"created": int(time()), "id": str(uuid4()), "model": row["id"]}
    numbered = bool(row["capabilities"]["supports"].get("adaptive_thinking"))
    choice = 1 if numbered and response.calls else 0
    deltas = [*reasoning(response), *({"content": text} for text in response.fragments())]
    found = [chunk(head, 0, delta) for delta in deltas]
    found += [chunk(head, choice, delta) for delta in calling(response.calls, numbered)]
    found = found or [chunk(head, 0, {"content": ""})]
    found[0]["usage"] = NO_USAGE
    return [*found, *finish(head, choice, response, row)]


def chunk(head: Chunk, index: int, delta: Chunk) -> Chunk:
    # An opaque that comes alone is alone: without content and role.
    whole = delta if delta.keys() == {"reasoning_opaque"} else {"content": None, "role": "assistant"} | delta
    return {"choices": [{"index": index, "delta": whole}], **head}


def reasoning(response: ModelResponse) -> list[Chunk]:
    found: list[Chunk] = [{"content": "", "reasoning_text": part} for part in words(response.reasoning)]
    if response.opaque_alone:
        found.append({"reasoning_opaque": OPAQUE})
    elif response.reasoned:
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


def finish(head: Chunk, index: int, response: ModelResponse, row: Row) -> list[Chunk]:
    """The last chunk; without finish_reason and usage there is none."""
    if response.finish is None and response.usage is None:
        return []
    last = chunk(head, index, {})
    if response.finish:
        last["choices"][0] = {"finish_reason": response.finish, **last["choices"][0]}
    if response.usage:
        last |= {"usage": usage_of(response.usage), "copilot_usage": cost(row, response.usage)}
    return [last]


def usage_of(usage: Usage) -> Chunk:
    return {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def whole(response: ModelResponse, row: Row) -> Chunk:
    """Split: text in the first choice, calls in the second; `index` is missing."""
    message: Chunk = {"role": "assistant", "content": response.text}
    if response.reasoning:
        message["reasoning_text"] = response.reasoning
    if response.reasoned:
        message["reasoning_opaque"] = OPAQUE
    messages = [message]
    if response.calls:
        messages.append({"role": "assistant", "tool_calls": [called(call) for call in response.calls]})
    body = {
        "id": str(uuid4()),
        "model": row["id"],
        "choices": [{"finish_reason": response.finish, "message": message} for message in messages],
    }
    if response.usage:
        body |= {"usage": usage_of(response.usage), "copilot_usage": cost(row, response.usage)}
    return body


def called(call: Call) -> Chunk:
    return {
        "function": {"arguments": call.arguments, "name": call.name},
        "id": tool_id(call),
        "type": "function",
    }


def tool_id(call: Call) -> str:
    return f"toolu_bdrk_{call.id}"
