"""One client request, from its body to the last byte of its response.

    view -> `run.run_request` -> `received` (reads the body, pure) -> in a greenlet of its own, so that the
    client can be watched meanwhile: `prepare` (by `routing` to a model and an API, by `drafting` a body)
    -> `sending` (Copilot's decision, recovery) -> `conversion` (the response, normalized or translated as it
    comes).

`services` has what lives as long as the process, `copilot_services` the part of it that a command needs to
ask Copilot, `context` what belongs to one request.  `operations` says what a client can request, `endpoints`
where, and `run` alone waits, writes and notes how it ended.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_bridge.pipeline.context import RequestContext
    from copilot_bridge.pipeline.copilot_services import CopilotServices
    from copilot_bridge.pipeline.services import Bridge

__all__ = ["Bridge", "CopilotServices", "RequestContext"]

MODULES = {"Bridge": "services", "CopilotServices": "copilot_services", "RequestContext": "context"}


def __getattr__(name: str) -> object:
    """Import a class when it is asked for: `copilot-bridge keys` needs the store alone, not the network."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
