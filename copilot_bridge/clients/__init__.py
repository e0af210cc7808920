"""The settings that each client needs to use the bridge.

`registry.py` has a row for each client, whose settings come from `settings.py`.  `instructions.py` turns a
row into what a person pastes on their system; `merging.py` merges that into an existing settings file.
Nothing here reads a file or asks a question: the command line writes files, a page only shows them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_bridge.clients.client import Client, ModelInfo
    from copilot_bridge.clients.instructions import (
        PLACEHOLDER,
        Instructions,
        PlannedFile,
        System,
        clean_url,
        pick_model,
        setup_instructions,
    )
    from copilot_bridge.clients.merging import ByHandError, edit_settings, read_settings
    from copilot_bridge.clients.registry import CLIENTS
    from copilot_bridge.clients.shells import SHELLS, Shell, shell

__all__ = [
    "CLIENTS",
    "PLACEHOLDER",
    "SHELLS",
    "ByHandError",
    "Client",
    "Instructions",
    "ModelInfo",
    "PlannedFile",
    "Shell",
    "System",
    "clean_url",
    "edit_settings",
    "pick_model",
    "read_settings",
    "setup_instructions",
    "shell",
]

MODULES = {
    "Client": "client",
    "ModelInfo": "client",
    "Instructions": "instructions",
    "PLACEHOLDER": "instructions",
    "PlannedFile": "instructions",
    "System": "instructions",
    "clean_url": "instructions",
    "pick_model": "instructions",
    "setup_instructions": "instructions",
    "ByHandError": "merging",
    "edit_settings": "merging",
    "read_settings": "merging",
    "CLIENTS": "registry",
    "SHELLS": "shells",
    "Shell": "shells",
    "shell": "shells",
}


def __getattr__(name: str) -> object:
    """Import a name when it is asked for: the server, whose page for it is rarely opened, starts without."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
