"""The order of roles: system messages between the turns, and an assistant's message at the end."""

from itertools import groupby, pairwise
from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]

# A system message that the model does not accept at its position, in the form of its own clients.
NOTE = "<system-reminder>\n{}\n</system-reminder>"
# The official client's request after an assistant's turn that the model would not continue.
CONTINUE = "Please continue."


def adapt_system_messages(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Keep system messages between a user's and an assistant's turn, and after a user's turn at the end.

    Elsewhere, and for models that do not accept them, they become marked user messages.
    """
    given: list[Body] = body["messages"]
    if all(message["role"] != "system" for message in given):
        return False
    padded = [{"role": None}, *given, {"role": "assistant"}]
    triples = zip(pairwise(padded), padded[2:], strict=False)
    kept = [
        message["role"] != "system" or (model.profile.system_messages and is_between(before, after))
        for (before, message), after in triples
    ]
    adapted = [message if keep else as_note(message) for message, keep in zip(given, kept, strict=True)]
    body["messages"] = results_first(adapted)
    return not all(kept)


def is_between(before: Body, after: Body) -> bool:
    return bool(before["role"] == "user" and after["role"] == "assistant")


def as_note(message: Body) -> Body:
    """A system message as a user's, with its cache breakpoint."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    noted = [block | {"text": NOTE.format(block["text"])} if block.get("text") else block for block in blocks]
    return {"role": "user", "content": noted}


def results_first(messages: list[Body]) -> list[Body]:
    """Move a note that came between a call and its result behind the result."""
    grouped = groupby(messages, key=lambda message: str(message["role"]))
    runs = ((role, list(run)) for role, run in grouped)
    return [
        message
        for role, run in runs
        for message in (sorted(run, key=lambda message: not has_results(message)) if role == "user" else run)
    ]


def has_results(message: Body) -> bool:
    content = message["content"]
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def adapt_end(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Add a request to continue after an assistant's turn at the end, if the model would not continue it."""
    if model.profile.prefill or not ends_with_assistant(body):
        return False
    body["messages"].append({"role": "user", "content": [{"type": "text", "text": CONTINUE}]})
    return True


def adapt_chat_end(body: Body, model: Model) -> bool:
    if model.profile.prefill or not ends_with_assistant(body):
        return False
    body["messages"].append({"role": "user", "content": CONTINUE})
    return True


def ends_with_assistant(body: Body) -> bool:
    return any(message["role"] == "assistant" for message in body["messages"][-1:])
