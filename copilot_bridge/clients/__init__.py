"""The settings that each client needs to use the bridge.

`registry.py` has a row for each client, whose settings come from `settings.py`.  `instructions.py` turns a
row into what a person pastes on their system; `merging.py` merges that into an existing settings file.
Nothing here reads a file or asks a question: the command line writes files, a page only shows them.
"""

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
