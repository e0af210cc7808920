"""What can be done with a conversation that was refused: thoughts, ids, roles and the order of turns."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.upstream.recovery.case import Case, dicts, drop_betas
from copilot_bridge.upstream.recovery.paths import Json

LONGEST_ID = 64
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# Words of the system in the middle of a conversation, for models that know them at its start only.
SYSTEM_NOTE = "<system-reminder>\n{}\n</system-reminder>"
SYSTEM_BETA = "mid-conversation-system-"
CONTINUE = "Please continue."


def forget_thoughts(case: Case) -> bool:
    """Those that were signed or locked by another backend, or for another connection."""
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


def filter_blocks(body: Json, keep: Callable[[Json], bool]) -> bool:
    """Leave blocks out, those in the results of tools included, and a message of which nothing is left."""
    changed = False
    for message in dicts(body.get("messages")):
        content = message.get("content")
        if isinstance(content, list):
            for block in dicts(content):
                if isinstance(block.get("content"), list):
                    changed |= filter_list(block["content"], keep)
            changed |= filter_list(content, keep)
    if changed:
        body["messages"] = [each for each in body["messages"] if not is_empty(each)] or body["messages"]
    return changed


def is_empty(message: Any) -> bool:
    return isinstance(message, dict) and message.get("content") == [] and not message.get("tool_calls")


def filter_list(blocks: list[Any], keep: Callable[[Json], bool]) -> bool:
    kept = [each for each in blocks if not isinstance(each, dict) or keep(each)]
    changed = len(kept) != len(blocks)
    blocks[:] = kept
    return changed


def drop_blanks(case: Case) -> bool:
    return filter_blocks(
        case.body, lambda block: block.get("type") != "text" or bool(str(block.get("text")).strip())
    )


def drop_ids(case: Case) -> bool:
    """Of items: they are bound to the connection that they were given on, and nothing refers to them."""
    taken = [item.pop("id") for item in dicts(case.body.get("input")) if "id" in item]
    return bool(taken)


def shorten_ids(case: Case) -> bool:
    """Of calls and of their results, alike.  :param case: `value`: the longest that is taken."""
    most = min(int(case.value or LONGEST_ID), LONGEST_ID)
    changed = False
    for holder, key in call_ids(case.body):
        given = holder[key]
        if not ID.fullmatch(given) or len(given) > most:
            holder[key] = f"call_{hashlib.sha256(given.encode(errors='surrogatepass')).hexdigest()}"[:most]
            changed = True
    return changed


def call_ids(body: Json) -> Iterator[tuple[Json, str]]:
    for each in dicts(body.get("input")) + dicts(body.get("messages")):
        held = [each, *dicts(each.get("tool_calls")), *dicts(each.get("content"))]
        for holder in held:
            keys = ["call_id", "tool_call_id", "tool_use_id"]
            is_call = holder.get("type") == "tool_use" or (holder is not each and "function" in holder)
            keys += ["id"] if is_call else []
            yield from ((holder, key) for key in keys if isinstance(holder.get(key), str))


def mark_system(case: Case) -> bool:
    """Words of the system in the middle of a conversation become a user's, marked."""
    said = [each for each in dicts(case.body.get("messages")) if each.get("role") == "system"]
    if case.api != "messages":
        return False
    for message in said:
        message["role"] = "user"
        message["content"] = marked(message.get("content"))
    drop_betas(case.headers, lambda beta: beta.startswith(SYSTEM_BETA))
    return bool(said)


def marked(content: Any) -> Any:
    if isinstance(content, str):
        return SYSTEM_NOTE.format(content)
    for block in dicts(content):
        if block.get("type") == "text":
            block["text"] = SYSTEM_NOTE.format(block.get("text"))
    return content


def rename_role(case: Case) -> bool:
    """:param case: `subject` becomes `value`."""
    messages = dicts(case.body.get("messages")) + dicts(case.body.get("input"))
    named = [each for each in messages if each.get("role") == case.subject]
    for message in named:
        message["role"] = case.value
    return bool(named)


def continue_after(case: Case) -> bool:
    """A conversation that ends with the model's own words goes on, as the official client has it."""
    messages = dicts(case.body.get("messages"))
    if not messages or messages[-1].get("role") != "assistant":
        return False
    case.body["messages"] = [*messages, {"role": "user", "content": CONTINUE}]
    return True
