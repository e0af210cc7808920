"""The clipboard of the desktop, through the program that each system has for it."""

import os
import shutil
import subprocess
from collections.abc import Mapping

# Programs that copy their stdin to the clipboard, and the variable that they need.
CLIPBOARDS = (
    (("pbcopy",), None),
    (("clip.exe",), None),
    (("clip",), None),
    (("wl-copy",), "WAYLAND_DISPLAY"),
    (("xclip", "-selection", "clipboard"), "DISPLAY"),
    (("xsel", "--clipboard", "--input"), "DISPLAY"),
)

TIMEOUT = 5.0  # seconds


def copy_to_clipboard(text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Copy the text to the clipboard; False where there is none."""
    for command, needs in CLIPBOARDS:
        program = shutil.which(command[0])
        if program and (needs is None or environ.get(needs)):
            return pipe_to(program, *command[1:], text=text)
    return False


def pipe_to(*command: str, text: str) -> bool:
    """Run the program with the text on its stdin; False if it fails or hangs."""
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            check=False,
            timeout=TIMEOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
