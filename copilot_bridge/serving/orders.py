"""Reload, and wait until it is done: `python -m copilot_bridge.serving.orders PID`, a unit's `ExecReload`.

systemd reads a unit's `EnvironmentFile` anew for each command, so the one who asks for a reload knows the
new settings, and the server does not.  They meet in the unit's runtime directory, which is the service's own.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 60.0  # s
GLANCE = 0.05
DONE = "done"


class Orders:
    """An order is a file with an environment; the answer to it is one with `done`, or with a reason."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        directory = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._order = Path(directory, "reload.json") if directory else None
        self._answer = Path(directory, "reload.answer") if directory else None

    def give(self, environ: Mapping[str, str]) -> None:
        if self._order and self._answer:
            self._answer.unlink(missing_ok=True)
            self._order.unlink(missing_ok=True)
            handle = os.open(self._order, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump(dict(environ), file)

    def take(self) -> dict[str, str] | None:
        """The environment of who gave the order; None: it was a bare signal."""
        try:
            text = self._order.read_text() if self._order else None
            if self._order:
                self._order.unlink()
        except OSError:
            return None
        environ: dict[str, str] | None = json.loads(text) if text else None
        return environ

    def answer(self, text: str) -> None:
        if self._answer:
            part = self._answer.with_suffix(".part")
            part.write_text(text)
            part.replace(self._answer)

    def answered(self) -> str | None:
        try:
            return self._answer.read_text() if self._answer else DONE
        except FileNotFoundError:
            return None


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(pid: int) -> str:
    """Why it has failed; nothing if all went well."""
    orders = Orders(os.environ)
    orders.give(os.environ)
    os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while (answer := orders.answered()) is None:
        if not is_running(pid):
            return "the service has ended"
        if time.monotonic() > end:
            return f"nothing has happened for {PATIENCE:.0f} s"
        time.sleep(GLANCE)
    return "" if answer == DONE else answer


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) or 0)
