"""The name by which this program was started."""

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "copilot-bridge"


def program() -> str:
    """The command that runs this program again: `copilot-bridge` if the shell finds it, else a path."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(Path(sys.executable).name)} -m copilot_bridge"
    found = shutil.which(NAME)
    if found and started.exists() and os.path.samefile(found, started):  # noqa: PTH121 - a link may be followed
        return NAME
    if not started.is_absolute() and started.parent == Path():
        return NAME
    inside = started.is_relative_to(Path.cwd())
    return shlex.quote(str(started.relative_to(Path.cwd()) if inside else started))
