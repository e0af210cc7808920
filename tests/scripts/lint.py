"""Checks the scripts of the pages: their types by tsc, the rest by biome; npm installs both once.

Without npm it says so, and nothing is checked.
"""

import shutil
import subprocess
from pathlib import Path

from clients.install import CACHE, Programs

from copilot_bridge.http.pages.assets import FOLDER

HERE = Path(__file__).parent
TOOLS = Programs(HERE / "package.json", CACHE / "scripts", "tsc and biome (130 MB)")
COMMANDS = (
    ("tsc", "--project", str(HERE)),
    ("biome", "lint", "--config-path", str(HERE), "--error-on-warnings", str(FOLDER / "js")),
)


def check() -> int:
    """The number of tools that have found something."""
    TOOLS.install()
    found = 0
    for name, *arguments in COMMANDS:
        found += bool(subprocess.run([TOOLS.programs / name, *arguments], check=False).returncode)
    return found


if __name__ == "__main__":
    if shutil.which("npm") is None:
        print("npm not found: the scripts of the pages were not checked by tsc and biome")
        raise SystemExit(0)
    raise SystemExit(check())
