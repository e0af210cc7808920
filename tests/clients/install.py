"""Installs the agents of `package.json` with npm, outside the checkout, once for each set of versions.

There is no lock file: the agents depend on nothing but their own binaries, whose versions they pin.
"""

import os
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

WANTED = Path(__file__).parent / "package.json"
NPM = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
NEEDED = "npm, which comes with Node.js (20 or newer), is needed to install the agents, and was not found"


def cache() -> Path:
    """`CLIENTS_CACHE`, else a folder in the user's cache."""
    given = os.environ.get("CLIENTS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given).absolute() if given else Path(base) / "copilot-bridge" / "clients"


FOLDER = cache()  # at import, before a test moves the home
DONE = FOLDER / "installed.json"  # the package.json of what is there, once all of it is
PROGRAMS = FOLDER / "node_modules" / ".bin"


def is_installed() -> bool:
    return DONE.exists() and DONE.read_bytes() == WANTED.read_bytes()


def install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(NEEDED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / ".lock"):
        if is_installed():
            return
        print(f"Installing Claude Code, Codex and opencode in {FOLDER} (1.1 GB) ...", flush=True)
        DONE.unlink(missing_ok=True)
        shutil.copy(WANTED, FOLDER)
        if subprocess.run([npm, *NPM], cwd=FOLDER).returncode:
            raise SystemExit(f"npm could not install the agents in {FOLDER}")
        shutil.copy(WANTED, DONE)


if __name__ == "__main__":
    install()
