"""Helpers of the messages surface's rules: their refusals, and the blocks of a body."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NoReturn

from copilot_bridge.simulator.refusals.forms import extra_inputs, invalid_message
from copilot_bridge.simulator.refusals.refusal import Refused

Body = Mapping[str, Any]

SIGNATURES = {"thinking": ("signature", "thinking"), "redacted_thinking": ("data", "")}
"""The field that must be genuine, and the field that it signs."""


def wrong(message: str) -> NoReturn:
    raise Refused(invalid_message(message))


def extra(path: str) -> NoReturn:
    raise Refused(extra_inputs(path))


def unknown_tag(path: str, kind: object) -> NoReturn:
    wrong(f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags")


def listed(holder: Body, name: str) -> list[Body]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def places_of(body: Body) -> Iterator[tuple[str, Body]]:
    """Each tool and each block with its path, blocks in tool results included."""
    for index, tool in enumerate(listed(body, "tools")):
        yield f"tools.{index}.{tool.get('type', 'custom')}", tool
    for index, block in enumerate(listed(body, "system")):
        yield f"system.{index}", block
    for index, message in enumerate(body["messages"]):
        for number, block in enumerate(listed(message, "content")):
            path = f"messages.{index}.content.{number}.{block.get('type')}"
            yield path, block
            for inner, one in enumerate(listed(block, "content")):
                yield f"{path}.content.{inner}.{one.get('type')}", one


def turns_of(body: Body) -> Iterator[tuple[Any, list[tuple[str, Body]]]]:
    """Each turn: its role, and its blocks with their paths.

    Messages of the same role that follow each other are one turn.
    """
    spoken = [(index, one) for index, one in enumerate(body["messages"]) if one.get("role") != "system"]
    for role, group in groupby(spoken, key=lambda found: found[1].get("role")):
        yield (
            role,
            [
                (f"messages.{index}.content.{number}", block)
                for index, message in group
                for number, block in enumerate(listed(message, "content"))
            ],
        )


def allows(betas: str, prefix: str) -> bool:
    return any(beta.strip().startswith(prefix) for beta in betas.split(","))
