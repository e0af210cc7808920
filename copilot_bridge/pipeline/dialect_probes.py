"""A tiny request in each dialect, to see that a model answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from copilot_bridge.dialects.dialect import Probe
from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.pipeline.endpoints import REQUESTS


@dataclass(frozen=True)
class DialectProbe:
    """How a dialect asks: the path that clients use, its request, and what is said in it."""

    path: str
    make: Callable[..., Any]
    probe: Probe


DIALECT_PROBES = {
    name: DialectProbe(f"/v1{dialect.endpoint}", REQUESTS[name], dialect.probe)
    for name, dialect in CONVERSATIONS.items()
    if dialect.probe
}
