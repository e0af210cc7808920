"""A tiny request in each dialect, to see that a model answers."""

from dataclasses import dataclass
from functools import partial

from copilot_bridge.dialects.dialect import Probe
from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.pipeline.operations import Generation
from copilot_bridge.pipeline.run import ReadRequest


@dataclass(frozen=True)
class DialectProbe:
    """How a dialect asks: the path that clients use, its request, and what is said in it."""

    path: str
    make: ReadRequest
    probe: Probe


DIALECT_PROBES = {
    name: DialectProbe(f"/v1{dialect.endpoint}", partial(Generation, dialect), dialect.probe)
    for name, dialect in CONVERSATIONS.items()
    if dialect.probe
}
