"""All refusals by their names, and those that a directive makes to order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from copilot_bridge.simulator.refusals.calls import CALLS
from copilot_bridge.simulator.refusals.exchange import EXCHANGE
from copilot_bridge.simulator.refusals.forms import UNICORN, anthropic_error, openai_error
from copilot_bridge.simulator.refusals.refusal import MOMENTS, Refusal, Refused

CATALOGUE = {**EXCHANGE, **CALLS}

BODIES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "json": ("json", lambda code: openai_error("The simulator was asked for this error.", code)),
    "text": ("text", lambda code: f"{code}: the simulator was asked for this error\n"),
    "html": ("html", lambda _code: UNICORN),
    "anthropic": ("json", lambda code: anthropic_error("The simulator was asked for this error.", code)),
    "bare": ("json", lambda code: {"message": "The simulator was asked for this error.", "code": code}),
}


def refuse(name: str) -> NoReturn:
    """Refuses with a row of the catalogue of refusals.

    :raise Refused: always.
    """
    raise Refused(CATALOGUE[name])


def made_to_order(status: int, body: str, code: str, retry_after: str) -> Refusal:
    """The refusal of the directive `status`; `retry_after` is seconds, `date` (in an hour) or `none`."""
    kind, write = BODIES[body]
    refusal = Refusal(status=status, body=write(code), kind=kind, about="asked for", edge=body == "html")
    if retry_after == "none":
        return refusal
    return replace(
        refusal,
        headers={"retry-after": MOMENTS["<in an hour, date>"]() if retry_after == "date" else retry_after},
    )
