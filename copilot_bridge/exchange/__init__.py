"""One client request, from its body to the last byte of its answer.

    view -> Exchange -> a request's `read` (pure) -> in a greenlet of its own, so that the client can be
    watched meanwhile: token, model, quirks, upstream's verdict -> the answer, mended as it goes by.

`bridge` holds what lives as long as the process, `call` what belongs to one request.  `chat` and
`embeddings` know what a request needs on its way and how its answer is read.  `exchange` alone waits,
writes, and tells how it ended.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_bridge.exchange.bridge import Bridge
    from copilot_bridge.exchange.call import Call
    from copilot_bridge.exchange.exchange import Exchange

__all__ = ["Bridge", "Call", "Exchange"]


def __getattr__(name: str) -> object:
    """Import a class when it is asked for: `copilot-bridge keys` needs the store alone, not the network."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{name.lower()}"), name)
