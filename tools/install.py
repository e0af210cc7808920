"""`python tools/install.py REQUIREMENTS WHAT`: installs what the file names, and shows how far it is.

pip is silent for a minute with --quiet, and prints several screens without it.
"""

import re
import subprocess
import sys
from pathlib import Path

WIDTH = 76


def main(requirements: str, what: str) -> int:
    print(f"Installing {what} ...", flush=True)
    total = len(re.findall(r"^[A-Za-z]", Path(requirements).read_text(), re.MULTILINE))
    command = [sys.executable, "-u", "-m", "pip", "--disable-pip-version-check", "install"]
    command += ["--progress-bar", "off", "--requirement", requirements]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        done = 0
        for line in pip.stdout:
            if found := re.match(r" *Collecting (\S+)", line):
                done += 1
                show(f"{done} of {max(done, total)}: {found[1]}")
            elif line.startswith("Installing"):
                show("unpacking ...")
    show("")
    return pip.returncode


def show(text: str) -> None:
    """On the same line of a terminal; nothing elsewhere."""
    if sys.stdout.isatty():
        print(f"\r{'  ' * bool(text)}{text[:WIDTH]:<{WIDTH}}", end="" if text else "\r", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
