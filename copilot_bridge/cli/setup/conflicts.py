"""Settings of a client that are there already and override those of the bridge, like an older key."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from copilot_bridge.cli.setup.files import read_own
from copilot_bridge.cli.setup.output import shown_path
from copilot_bridge.clients import Instructions, PlannedFile, read_settings
from copilot_bridge.errors import ConfigError


def conflicts(steps: Instructions) -> Iterator[str]:
    """A sentence for each conflict."""
    for name in steps.client.conflicts:
        places = [str(shown_path(file)) for file in steps.files if holds(file, name)]
        for location in [*places, *(["the environment"] if name in os.environ else [])]:
            yield f"{name} is set in {location}; {steps.client.title} would use it instead: remove it."


def holds(file: PlannedFile, path: str) -> bool:
    """Return whether the file has a value at the dotted path."""
    content: Any = {}
    with suppress(ConfigError):
        content = read_settings((read_own(shown_path(file)) or b"").decode(), file.format)
    for name in path.split("."):
        if not isinstance(content, Mapping) or name not in content:
            return False
        content = content[name]
    return True
