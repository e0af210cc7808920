"""Acts that change a refused conversation: reasoning, ids, roles and the order of turns."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.upstream.recovery.case import Case, dicts, drop_betas
from copilot_bridge.upstream.recovery.paths import Json

MAX_ID_LENGTH = 64
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# A system message in the middle of a conversation, for models that accept it at the start only.
SYSTEM_NOTE = "<system-reminder>\n{}\n</system-reminder>"
SYSTEM_BETA = "mid-conversation-system-"
CONTINUE = "Please continue."

# The signature of a call that Gemini has not signed.  Source: Google on thought signatures (2026).
PLACEHOLDER_SIGNATURE = "skip_thought_signature_validator"


def forget_thoughts(case: Case) -> bool:
    """Remove reasoning that another backend has signed or encrypted, or of another connection."""
    return FORGET_THOUGHTS[case.api](case.body)


def without_thinking(body: Json) -> bool:
    return filter_blocks(body, lambda block: "thinking" not in str(block.get("type")))


def without_reasoning(body: Json) -> bool:
    given = body.get("input")
    if not isinstance(given, list):
        return False
    body["input"] = [item for item in given if not isinstance(item, dict) or item.get("type") != "reasoning"]
    return len(body["input"]) != len(given)


def without_opaque(body: Json) -> bool:
    taken = [
        message.pop(name)
        for message in dicts(body.get("messages"))
        for name in ("reasoning_opaque", "reasoning_text", "reasoning_content", "encrypted_content")
        if name in message
    ]
    return bool(taken)


FORGET_THOUGHTS: dict[str, Callable[[Json], bool]] = {
    "chat": without_opaque,
    "messages": without_thinking,
    "responses": without_reasoning,
}


def sign_calls(case: Case) -> bool:
    """Sign calls whose signature the client has lost, with the value that Google documents for this.

    Only the first of parallel calls has a signature.
    """
    changed = False
    for message in dicts(case.body.get("messages")):
        calls = dicts(message.get("tool_calls"))
        function = calls[0].get("function") if calls else None
        if not isinstance(function, dict) or "extra_content" in calls[0] or "thought_signature" in function:
            continue
        function["thought_signature"] = PLACEHOLDER_SIGNATURE
        calls[0]["extra_content"] = {"google": {"thought_signature": PLACEHOLDER_SIGNATURE}}
        changed = True
    return changed


def filter_blocks(body: Json, keep: Callable[[Json], bool]) -> bool:
    """Remove blocks, also from tool results, and messages that are empty without them."""
    changed = False
    for message in dicts(body.get("messages")):
        content = message.get("content")
        if isinstance(content, list):
            for block in dicts(content):
                if isinstance(block.get("content"), list):
                    changed |= filter_list(block["content"], keep)
            changed |= filter_list(content, keep)
    if changed:
        body["messages"] = [message for message in body["messages"] if not is_empty(message)] or body[
            "messages"
        ]
    return changed


def is_empty(message: Any) -> bool:
    return isinstance(message, dict) and message.get("content") == [] and not message.get("tool_calls")


def filter_list(blocks: list[Any], keep: Callable[[Json], bool]) -> bool:
    kept = [block for block in blocks if not isinstance(block, dict) or keep(block)]
    changed = len(kept) != len(blocks)
    blocks[:] = kept
    return changed


def drop_blanks(case: Case) -> bool:
    return filter_blocks(
        case.body, lambda block: block.get("type") != "text" or bool(str(block.get("text")).strip())
    )


def drop_ids(case: Case) -> bool:
    """Remove the ids of items, which are bound to the connection on which they were given."""
    taken = [item.pop("id") for item in dicts(case.body.get("input")) if "id" in item]
    return bool(taken)


def shorten_ids(case: Case) -> bool:
    """Shorten the ids of tool calls and of their results alike.  `value`: the maximum length."""
    max_length = min(int(case.value or MAX_ID_LENGTH), MAX_ID_LENGTH)
    changed = False
    for holder, key in call_ids(case.body):
        given = holder[key]
        if not ID.fullmatch(given) or len(given) > max_length:
            holder[key] = f"call_{hashlib.sha256(given.encode(errors='surrogatepass')).hexdigest()}"[
                :max_length
            ]
            changed = True
    return changed


def call_ids(body: Json) -> Iterator[tuple[Json, str]]:
    for entry in dicts(body.get("input")) + dicts(body.get("messages")):
        held = [entry, *dicts(entry.get("tool_calls")), *dicts(entry.get("content"))]
        for holder in held:
            keys = ["call_id", "tool_call_id", "tool_use_id"]
            is_call = holder.get("type") == "tool_use" or (holder is not entry and "function" in holder)
            keys += ["id"] if is_call else []
            yield from ((holder, key) for key in keys if isinstance(holder.get(key), str))


def mark_system(case: Case) -> bool:
    """Turn system messages in the middle of a conversation into marked user messages."""
    system = [message for message in dicts(case.body.get("messages")) if message.get("role") == "system"]
    if case.api != "messages":
        return False
    for message in system:
        message["role"] = "user"
        message["content"] = marked(message.get("content"))
    drop_betas(case.headers, lambda beta: beta.startswith(SYSTEM_BETA))
    return bool(system)


def marked(content: Any) -> Any:
    if isinstance(content, str):
        return SYSTEM_NOTE.format(content)
    for block in dicts(content):
        if block.get("type") == "text":
            block["text"] = SYSTEM_NOTE.format(block.get("text"))
    return content


def rename_role(case: Case) -> bool:
    """Rename a role.  `subject`: the role; `value`: its new name."""
    messages = dicts(case.body.get("messages")) + dicts(case.body.get("input"))
    named = [message for message in messages if message.get("role") == case.subject]
    for message in named:
        message["role"] = case.value
    return bool(named)


def continue_after(case: Case) -> bool:
    """Add the official client's request to continue, if a conversation ends with the model's own words."""
    messages = dicts(case.body.get("messages"))
    if not messages or messages[-1].get("role") != "assistant":
        return False
    case.body["messages"] = [*messages, {"role": "user", "content": CONTINUE}]
    return True
