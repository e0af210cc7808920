"""`python tools/install.py REQUIREMENTS WHAT`: installs the requirements in the file, and shows the progress.

pip is silent for a minute with --quiet, and prints several screens without it.  Its warnings and errors are
printed only if the installation fails.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

WIDTH = 76


def main(requirements: str, what: str) -> int:
    print(f"Installing {what} ...", flush=True)
    total = len(re.findall(r"^[A-Za-z]", Path(requirements).read_text(), re.MULTILINE))
    command = [sys.executable, "-u", "-m", "pip", "--disable-pip-version-check", "install"]
    command += ["--progress-bar", "off", "--requirement", requirements]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as pip:
            assert pip.stdout is not None
            show_progress(pip.stdout, total)
        if pip.returncode:
            errors.seek(0)
            sys.stderr.write(errors.read())
    return pip.returncode


def show_progress(lines: Iterable[str], total: int) -> None:
    """Show which of the `total` requirements pip is at, from the lines that it prints."""
    done = 0
    for line in lines:
        if found := re.match(r" *Collecting (\S+)", line):
            done += 1
            show(f"{done} of {max(done, total)}: {found[1]}")
        elif line.startswith("Installing"):
            show("unpacking ...")
    show("")


def show(text: str) -> None:
    """Show the text in place of the previous one on a terminal; print nothing elsewhere."""
    if sys.stdout.isatty():
        print(f"\r{'  ' * bool(text)}{text[:WIDTH]:<{WIDTH}}", end="" if text else "\r", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
