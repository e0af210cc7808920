"""Who may speak when: the system between the turns, and an assistant's words at the end."""

from itertools import groupby, pairwise
from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]

# A message of the system that the model does not take where it stands, as its own clients would say it.
NOTE = "<system-reminder>\n{}\n</system-reminder>"
# The official client's words after an assistant's turn that the model would not go on with.
GO_ON = "Please continue."


def fit_system_messages(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Kept between a user's and an assistant's turn, or after a user's at the end, where the model takes
    them; elsewhere they become a user's, marked."""
    given: list[Body] = body["messages"]
    if all(message["role"] != "system" for message in given):
        return False
    padded = [{"role": None}, *given, {"role": "assistant"}]
    places = zip(pairwise(padded), padded[2:], strict=False)
    kept = [
        message["role"] != "system" or (model.profile.system_messages and is_between(before, after))
        for (before, message), after in places
    ]
    fitted = [message if keep else as_note(message) for message, keep in zip(given, kept, strict=True)]
    body["messages"] = results_first(fitted)
    return not all(kept)


def is_between(before: Body, after: Body) -> bool:
    return bool(before["role"] == "user" and after["role"] == "assistant")


def as_note(message: Body) -> Body:
    """With the end of a prompt cache where it was."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    noted = [each | {"text": NOTE.format(each["text"])} if each.get("text") else each for each in blocks]
    return {"role": "user", "content": noted}


def results_first(messages: list[Body]) -> list[Body]:
    """A note that came between a call and its result stands behind the result."""
    grouped = groupby(messages, key=lambda message: str(message["role"]))
    runs = ((role, list(run)) for role, run in grouped)
    return [
        message
        for role, run in runs
        for message in (sorted(run, key=lambda each: not has_results(each)) if role == "user" else run)
    ]


def has_results(message: Body) -> bool:
    content = message["content"]
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def fit_end(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Not an assistant's turn at the end, where the model does not go on with one."""
    if model.profile.prefill or not ends_with_assistant(body):
        return False
    body["messages"].append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
    return True


def fit_chat_end(body: Body, model: Model) -> bool:
    if model.profile.prefill or not ends_with_assistant(body):
        return False
    body["messages"].append({"role": "user", "content": GO_ON})
    return True


def ends_with_assistant(body: Body) -> bool:
    return any(message["role"] == "assistant" for message in body["messages"][-1:])
