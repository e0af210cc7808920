"""Installs GitHub's Copilot CLI: the pinned version, or with `NEWEST=1` the newest, beside it.

It is run as it comes, and nothing looks into it.
"""

import os
from pathlib import Path

from clients.install import CACHE, Programs

PACKAGE = "@github/copilot"
NEWEST = os.environ.get("NEWEST", "") not in ("", "0")
CLI = Programs(
    Path(__file__).with_name("package.json"),
    CACHE / ("official-newest" if NEWEST else "official"),
    "GitHub's Copilot CLI (190 MB)",
)


if __name__ == "__main__":
    CLI.install((PACKAGE,) if NEWEST else ())
