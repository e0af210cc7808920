"""The browser of the desktop, where there is one."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping

# Programs that open an address in the default browser, and the variables of which one has to be set.
OPENERS: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "darwin": ((("open",), ()),),
    "win32": ((("rundll32", "url.dll,FileProtocolHandler"), ()),),
    "linux": (
        (("wslview",), ()),
        (("xdg-open",), ("DISPLAY", "WAYLAND_DISPLAY")),
        (("gio", "open"), ("DISPLAY", "WAYLAND_DISPLAY")),
    ),
}
REMOTE = ("SSH_CONNECTION", "SSH_TTY")  # the browser would open on the other machine


def open_in_browser(url: str, environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Open the address in the browser; False where there is no desktop."""
    if any(environ.get(name) for name in REMOTE):
        return False
    for command, needs in OPENERS.get(platform, OPENERS["linux"]):
        program = shutil.which(command[0], path=environ.get("PATH"))
        if program and (not needs or any(environ.get(name) for name in needs)):
            return run_detached(program, *command[1:], url)
    return False


def run_detached(*command: str) -> bool:
    """Start the program without its output, and do not wait: some stay until the browser is closed."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    threading.Thread(target=process.wait, daemon=True).start()  # or it would be left a zombie
    return True
