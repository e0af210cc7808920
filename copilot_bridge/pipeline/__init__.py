"""The way of one client request, from its body to the last byte of its answer.

    view -> `run.run_request` -> a request's `read` (pure) -> in a greenlet of its own, so that the client
    can be watched meanwhile: token, model, quirks, Copilot's decision -> the answer, normalized as it
    passes.

`services` holds what lives as long as the process, `context` what belongs to one request.  `model_request`
fits the request to the model, `chat`, `messages`, `responses` and `embeddings` say what is different in each
API, and `run` alone waits, writes, and notes how it ended.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_bridge.pipeline.context import RequestContext
    from copilot_bridge.pipeline.services import Bridge

__all__ = ["Bridge", "RequestContext"]

MODULES = {"Bridge": "services", "RequestContext": "context"}


def __getattr__(name: str) -> object:
    """Import a class when it is asked for: `copilot-bridge keys` needs the store alone, not the network."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
