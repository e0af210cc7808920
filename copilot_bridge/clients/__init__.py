"""What each client has to be told to use the bridge, in the words that it understands.

`table.py` has a row for each client, with its words from `settings.py`; `plan.py` makes of a row what is
to be pasted on somebody's system, and `edit.py` puts that into settings which are there already.  Nothing
here reads a file or asks anybody: the command line writes what a page can only show.
"""

from copilot_bridge.clients.client import Client, Named
from copilot_bridge.clients.edit import ByHandError, edited
from copilot_bridge.clients.plan import PLACEHOLDER, Settings, Steps, System, clean_url, plan, usual
from copilot_bridge.clients.shells import SHELLS, Shell, shell
from copilot_bridge.clients.table import CLIENTS

__all__ = [
    "CLIENTS",
    "PLACEHOLDER",
    "SHELLS",
    "ByHandError",
    "Client",
    "Named",
    "Settings",
    "Shell",
    "Steps",
    "System",
    "clean_url",
    "edited",
    "plan",
    "shell",
    "usual",
]
