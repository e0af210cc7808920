"""Reloads the service and waits until it has: `python -m copilot_bridge.serving.reload_request PID`.

A systemd unit calls it as `ExecReload`.  systemd reads a unit's `EnvironmentFile` anew for each command, so
this command has the new settings, while the server still has the old ones.  It passes them on through the
unit's runtime directory, which belongs to the service.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

TIMEOUT = 60.0  # seconds
POLL_INTERVAL = 0.05  # seconds
DONE = "done"


class ReloadRequest:
    """A request file with the new environment, and a result file with `done` or the reason of a failure.

    Without a runtime directory there are no files: a reload is a bare signal, and has no result.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        directory = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._request = Path(directory, "reload.json") if directory else None
        self._result = Path(directory, "reload.result") if directory else None

    def submit(self, environ: Mapping[str, str]) -> None:
        if self._request and self._result:
            self._result.unlink(missing_ok=True)
            self._request.unlink(missing_ok=True)
            handle = os.open(self._request, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump(dict(environ), file)

    def claim(self) -> dict[str, str] | None:
        """The submitted environment; None: the signal came alone."""
        try:
            text = self._request.read_text() if self._request else None
            if self._request:
                self._request.unlink()
        except OSError:
            return None
        environ: dict[str, str] | None = json.loads(text) if text else None
        return environ

    def report(self, result: str) -> None:
        if self._result:
            part = self._result.with_suffix(".part")
            part.write_text(result)
            part.replace(self._result)

    def result(self) -> str | None:
        """The reported result; None: there is none yet."""
        try:
            return self._result.read_text() if self._result else DONE
        except FileNotFoundError:
            return None


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(pid: int) -> str:
    """The reason of a failure, or nothing."""
    request = ReloadRequest(os.environ)
    request.submit(os.environ)
    os.kill(pid, signal.SIGHUP)
    deadline = time.monotonic() + TIMEOUT
    while (result := request.result()) is None:
        if not is_running(pid):
            return "the service has ended"
        if time.monotonic() > deadline:
            return f"the service has not reloaded within {TIMEOUT:.0f} s"
        time.sleep(POLL_INTERVAL)
    return "" if result == DONE else result


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) or 0)
