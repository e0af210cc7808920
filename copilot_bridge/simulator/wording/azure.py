"""OpenAI's models as Azure serves them.

They have filter results everywhere, and usage on a chunk of its own after the finish.  Sources: upstream
fixtures of the official client (plain text, reasoning); a captured gpt-4o response (not streamed).
"""

import secrets
from time import time
from typing import Any
from uuid import uuid4

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.model_response import Call, ModelResponse, Usage, cost, words

SEVERITIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {name: {"filtered": False, "severity": "safe"} for name in SEVERITIES}
FILTERED = SAFE | {"violence": {"filtered": True, "severity": "high"}}
FRAGMENT = 12  # characters of a tool call's arguments in one chunk

Chunk = dict[str, Any]


def chunks(response: ModelResponse, row: Row) -> list[Chunk]:
    head = {
        "created": int(time()),
        "id": chat_id(),
        "model": row["version"],
        "object": "chat.completion.chunk",
    }
    head["system_fingerprint"] = "fp_simulated01"
    chunks_ = [chunk(head, delta, filters) for delta, filters in deltas(response)]
    if response.finish:
        chunks_.append(chunk(head, {}, FILTERED if response.filtered else {}, response.finish))
    return [
        prompt_filter(),
        *thoughts(head, response),
        *chunks_,
        *late_id(head, response),
        *usage_chunks(head, response, row),
    ]


def prompt_filter() -> Chunk:
    """The first chunk, which names no model and no id."""
    results = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": results,
    }


def chunk(head: Chunk, delta: Chunk, filters: Chunk, finish: str | None = None) -> Chunk:
    choice = {
        "content_filter_results": filters,
        "delta": delta,
        "finish_reason": finish,
        "index": 0,
        "logprobs": None,
    }
    return {"choices": [choice], **head, "usage": None}


def deltas(response: ModelResponse) -> list[tuple[Chunk, Chunk]]:
    """Deltas with their filter results.  The role stands on the first one only, be it text or a tool call."""
    found: list[tuple[Chunk, Chunk]] = []
    if response.text or not response.calls:
        found.append(({"content": "", "refusal": None, "role": "assistant"}, {}))
        found += [({"content": text}, SAFE) for text in response.fragments()]
    for index, call in enumerate(response.calls):
        opening = {"content": None, "refusal": None, "role": "assistant"} if not found else {}
        found.append(({**opening, "tool_calls": [opened(index, call)]}, {}))
        found += [({"tool_calls": [more(index, part)]}, {}) for part in fragments(call.arguments)]
    return found


def opened(index: int, call: Call) -> Chunk:
    function = {"arguments": "", "name": call.name}
    return {"function": function, "id": f"call_{call.id}", "index": index, "type": "function"}


def more(index: int, arguments: str) -> Chunk:
    return {"function": {"arguments": arguments}, "index": index}


def fragments(arguments: str) -> list[str]:
    return [arguments[start : start + FRAGMENT] for start in range(0, len(arguments), FRAGMENT)]


def thoughts(head: Chunk, response: ModelResponse) -> list[Chunk]:
    return [nameless(head, {"cot_summary": part}) for part in words(response.reasoning)]


def late_id(head: Chunk, response: ModelResponse) -> list[Chunk]:
    """`cot_id` comes after the finish."""
    return [nameless(head, {"cot_id": f"cot_{uuid4()}"})] if response.reasoned else []


def nameless(head: Chunk, delta: Chunk) -> Chunk:
    """Chunks of reasoning have an empty id and model."""
    choice = {"content_filter_results": {}, "delta": delta, "index": 0}
    return {"choices": [choice], **head, "id": "", "model": "", "usage": None}


def usage_chunks(head: Chunk, response: ModelResponse, row: Row) -> list[Chunk]:
    if response.usage is None:
        return []
    return [
        {"choices": [], **head, "usage": usage_of(response.usage), "copilot_usage": cost(row, response.usage)}
    ]


def usage_of(usage: Usage) -> Chunk:
    return {
        "completion_tokens": usage.completion_tokens,
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": usage.reasoning_tokens,
            "rejected_prediction_tokens": 0,
        },
        "prompt_tokens": usage.prompt_tokens,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def whole(response: ModelResponse, row: Row) -> Chunk:
    """No `object`, no `created`; a random `padding`; content is absent beside tool calls."""
    choice = {
        "content_filter_results": {
            **(FILTERED if response.filtered else SAFE),
            "protected_material_code": {"filtered": False, "detected": False},
            "protected_material_text": {"filtered": False, "detected": False},
        },
        "finish_reason": response.finish,
        "index": 0,
        "message": message(response),
    }
    body: Chunk = {"choices": [choice], "id": chat_id()}
    if response.usage:
        body |= {"usage": usage_of(response.usage), "copilot_usage": cost(row, response.usage)}
    return body | {
        "model": row["version"],
        "prompt_filter_results": [{"content_filter_results": SAFE, "prompt_index": 0}],
        "system_fingerprint": "fp_simulated01",
    }


def message(response: ModelResponse) -> Chunk:
    fields: Chunk = {"padding": secrets.token_urlsafe(12), "role": "assistant"}
    if response.calls:
        fields["tool_calls"] = [
            {
                "function": {"arguments": call.arguments, "name": call.name},
                "id": f"call_{call.id}",
                "type": "function",
            }
            for call in response.calls
        ]
    else:
        fields["content"] = response.text
    if response.reasoned:
        fields |= {"cot_summary": response.reasoning, "cot_id": f"cot_{uuid4()}"}
    return fields


def chat_id() -> str:
    return f"chatcmpl-{secrets.token_hex(14)}"
