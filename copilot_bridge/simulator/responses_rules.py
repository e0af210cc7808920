"""Refusals of `/responses`, in Copilot's words."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.kinds import RESPONSES, first_misfit
from copilot_bridge.simulator.limit_rules import long_id, open_function
from copilot_bridge.simulator.model_facts import facts_of
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import world

MIN_OUTPUT_TOKENS = 16
LONG = "string_above_max_length"
OPAQUE = re.compile(r"^[A-Za-z0-9+/]{100,}={0,2}$")
"""The form of the ids that responses have.  An id of this form has to be one that was given out."""

MAY_CALL = frozenset({"function", "custom"})
TOOLS = MAY_CALL | {
    "web_search",
    "web_search_preview",
    "local_shell",
    "tool_search",
    "namespace",
}
RESULTS = frozenset({"function_call_output", "custom_tool_call_output", "local_shell_call_output"})
ITEMS = RESULTS | {
    "message",
    "reasoning",
    "compaction",
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "web_search_call",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
}
EFFORTS = ("none", "low", "medium", "high", "xhigh")
PREFIXES = {"function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs", "message": "msg"}
UNSUPPORTED = ("background", "conversation", "prompt", "service_tier")

Body = Mapping[str, Any]


def check(body: Body, row: Row, owner: str, connection: str) -> None:
    """Holds a request against all rules of the surface.

    :param owner: the GitHub token; what was encrypted for it by earlier responses it may bring back.
    :param connection: the same for the ids of items.
    :raise Refused: the first rule that the request breaks.
    """
    for rule in RULES:
        rule(body, row)
    if isinstance(body["input"], list):
        for index, item in enumerate(body["input"]):
            check_item(index, item, owner, connection)
        check_pairs(body["input"])


def check_types(body: Body) -> None:
    """Checks the kinds of values without which a request can't be read."""
    if misfit := first_misfit(body, RESPONSES):
        where = re.sub(r"\.(\d+)", r"[\1]", misfit[0])
        wrong(where, f"Invalid type for '{where}'.", "invalid_type")


def wrong(param: str, message: str, code: str = "invalid_request_body") -> NoReturn:
    raise Refused(invalid(message, code, param=param, type="invalid_request_error"))


def check_store(body: Body, _row: Row) -> None:
    if body.get("store"):
        raise Refused(invalid("store is not supported", "unsupported_value", param="store"))
    for name in UNSUPPORTED:
        if body.get(name):
            wrong(name, f"{name} is not supported", "unsupported_value")


def check_previous(body: Body, _row: Row) -> None:
    if body.get("previous_response_id"):
        refuse("previous-response")


def check_output(body: Body, _row: Row) -> None:
    given = body.get("max_output_tokens")
    if given is not None and (not isinstance(given, int) or given < MIN_OUTPUT_TOKENS):
        wrong(
            "max_output_tokens",
            "Invalid 'max_output_tokens': integer below minimum value. "
            f"Expected a value >= {MIN_OUTPUT_TOKENS}, but got {given} instead.",
        )


def check_reasoning(body: Body, row: Row) -> None:
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is None:
        return
    listed = row["capabilities"]["supports"].get("reasoning_effort", EFFORTS)
    known = (*facts_of(row["id"])["more_efforts"], *listed)
    if effort not in known:
        wrong(
            "reasoning.effort",
            f"Unsupported value: '{effort}' is not supported with the '{row['id']}' model. "
            f"Supported values are: {', '.join(repr(one) for one in known)}.",
            "unsupported_value",
        )


def check_sampling(body: Body, row: Row) -> None:
    for name in ("temperature", "top_p"):
        if row["id"].startswith("gpt-5") and body.get(name) not in (None, 1):
            wrong(name, f"Unsupported parameter: '{name}' is not supported with this model.")


def check_tools(body: Body, row: Row) -> None:
    for path, tool in tools_in(body):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if str(kind) not in TOOLS:
            wrong(f"{path}.type", f"Invalid '{path}.type': '{kind}' is not supported.")
        if kind in MAY_CALL and not tool.get("name"):
            wrong(f"{path}.name", f"Missing required parameter: '{path}.name'.")
        if kind == "function" and (problem := open_function(tool.get("name"), tool.get("parameters"))):
            wrong(f"{path}.parameters", problem, "invalid_function_parameters")
        if kind == "namespace":
            check_namespace(path, tool, row)
        if kind == "custom" and not facts_of(row["id"])["custom_tools"]:
            refuse("internal")


def tools_in(body: Body) -> Iterator[tuple[str, Any]]:
    """Each tool with its path: those of the request, and those that came in its course."""
    items = body["input"] if isinstance(body["input"], list) else ()
    holders = [("tools", body), *((f"input[{index}].tools", item) for index, item in enumerate(items))]
    for where, holder in holders:
        given = holder.get("tools")
        for index, tool in enumerate(given if isinstance(given, list) else ()):
            yield f"{where}[{index}]", tool


def check_namespace(path: str, tool: Body, row: Row) -> None:
    name = tool.get("name")
    if name in facts_of(row["id"])["reserved_namespaces"]:
        wrong(f"{path}.name", f"Invalid '{path}.name': the namespace '{name}' is reserved.")
    if tool.get("description") == "":
        wrong(
            f"{path}.description",
            f"Invalid '{path}.description': empty string. Expected a string with minimum length 1, but got "
            "an empty string instead.",
            "empty_string",
        )


RULES: Iterable[Callable[[Body, Row], None]] = (
    check_store,
    check_previous,
    check_output,
    check_reasoning,
    check_sampling,
    check_tools,
)


def check_item(index: int, item: Body, owner: str, connection: str) -> None:
    kind = item.get("type", "message" if "role" in item else None)
    if kind == "item_reference":
        wrong(f"input[{index}]", "item_reference is not supported: items are not stored")
    if kind not in ITEMS:
        wrong(f"input[{index}].type", f"Invalid value: '{kind}'. Supported values are: {sorted(ITEMS)}.")
    called = item.get("call_id")
    if called is not None and (problem := long_id(f"input[{index}].call_id", called)):
        wrong(f"input[{index}].call_id", problem, LONG)
    if item.get("id") is not None:
        check_id(index, kind, str(item["id"]), connection, socket=connection != owner)
    encrypted = item.get("encrypted_content")
    if encrypted and not world().keepsakes.is_genuine(encrypted, owner):
        wrong(
            f"input[{index}].encrypted_content",
            f"The encrypted content {str(encrypted)[:12]}... could not be verified.",
            "invalid_encrypted_content",
        )


def check_id(index: int, kind: str, given: str, connection: str, *, socket: bool) -> None:
    """Ours must be the one of `output_item.done`, others must begin as the kind of item does.

    Ours are longer than an id may be, so that they can come back by the WebSocket alone that gave them.
    """
    if OPAQUE.match(given):
        if not world().keepsakes.is_genuine(given, connection):
            refuse("item-id")
        if not socket and (problem := long_id(f"input[{index}].id", given)):
            wrong(f"input[{index}].id", problem, LONG)
    elif not given.startswith(prefix := PREFIXES.get(kind, "")):
        wrong(
            f"input[{index}].id",
            f"Invalid 'input[{index}].id': '{given[:64]}'. Expected an ID that begins with '{prefix}'.",
        )


def check_pairs(items: list[Body]) -> None:
    """Each result needs its call before it, and each call of a function its result."""
    called: dict[object, int] = {}
    for index, item in enumerate(items):
        kind, call_id = item.get("type"), item.get("call_id")
        if kind in ("function_call", "custom_tool_call"):
            called[call_id] = index
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if call_id not in called:
                wrong("input", f"No tool call found for function call output with call_id {call_id}.")
            called[call_id] = -1
    for call_id, index in called.items():
        if index >= 0:
            wrong("input", f"No tool output found for function call {call_id}.")
