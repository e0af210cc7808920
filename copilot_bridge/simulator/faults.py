"""The directives of the group "error": refusals asked for, before any response."""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.simulator.directives import MESSAGES, RESPONSES, Asked
from copilot_bridge.simulator.refusals.calls import CALLS
from copilot_bridge.simulator.refusals.catalogue import made_to_order
from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused

OVERFLOWS = {RESPONSES: "context-window", MESSAGES: "prompt-too-long"}
"""What the refusal `overflow` is called on the other surfaces."""


def refuse_if_asked(asked: Asked, body: Mapping[str, Any], surface: str = "") -> None:
    """Refuses a request whose directives or body ask for it.

    :raise Refused: what `status` or `refuse` ask for.
    """
    if "status" in asked:
        code, kind = asked.get("status", "code"), asked.get("status", "body")
        if not 400 <= code <= 599:
            raise Refused(misuse(f"{code} is no error status"))
        raise Refused(
            made_to_order(code, kind, asked.get("status", "error"), asked.get("status", "retry-after"))
        )
    if "refuse" in asked:
        name = asked.get("refuse", "name")
        refusal = CALLS.get(OVERFLOWS.get(surface, name) if name == "overflow" else name)
        if refusal is None:
            raise Refused(misuse(f"refuse knows: {', '.join(CALLS)}"))
        if refusal.only_if is None or refusal.only_if(body):
            raise Refused(refusal)
