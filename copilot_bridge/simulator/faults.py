"""The directives of the group "error": refusals asked for, before any reply."""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.simulator.directives import Asked
from copilot_bridge.simulator.refusals import CALLS, Refused, made_to_order, misuse


def refuse_if_asked(asked: Asked, body: Mapping[str, Any]) -> None:
    """:raise Refused: what `status` or `refuse` ask for."""
    if "status" in asked:
        code, kind = asked.get("status", "code"), asked.get("status", "body")
        if not 400 <= code <= 599:
            raise Refused(misuse(f"{code} is no error status"))
        raise Refused(
            made_to_order(code, kind, asked.get("status", "error"), asked.get("status", "retry-after"))
        )
    if "refuse" in asked:
        refusal = CALLS.get(asked.get("refuse", "name"))
        if refusal is None:
            raise Refused(misuse(f"refuse knows: {', '.join(CALLS)}"))
        if refusal.only_if is None or refusal.only_if(body):
            raise Refused(refusal)
