"""gunicorn's master, with a reload that changes everything and drops nothing.

SIGHUP (and SIGUSR2): this process first tries the start once more, beside itself.  If that goes well, it
becomes that start: the same process id, new settings, new code.  It takes the listening sockets with it,
and its workers stay.  When the new workers serve, the old ones are relieved: they take no more connections,
finish their streams, however long these last, and end.

`python -m copilot_bridge.serving.launch copilot_bridge.serving.master ARGUMENTS`, as gunicorn's own.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter

from copilot_bridge.serving import metrics_folder
from copilot_bridge.serving.handover import Inheritance, Started
from copilot_bridge.serving.notifier import Notifier
from copilot_bridge.serving.orders import DONE, Orders

log = logging.getLogger(__name__)

GLANCE = 0.02  # s; how often it looks whether new workers serve
TRIAL_PATIENCE = 30.0


class Master(Arbiter):  # type: ignore[misc]
    def __init__(self, app: Any) -> None:
        self._notifier = Notifier.taken_from(os.environ)
        self._started = Started.taken_from(os.environ)
        self._relieved = set(Inheritance.taken_from(os.environ).workers)
        self._orders = Orders(os.environ)
        self._ready = False
        self._line = ""
        super().__init__(app)
        self.systemd = True  # a socket that was handed to us is not ours to delete

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        signals: list[int] = super().wait_for_signals(timeout if self._ready else GLANCE)
        if not self._ready and self._all_serve():
            self._be_ready()
        self._relieved = children_among(self._relieved)
        if self._ready:
            self._tell_status()
        if self._is_well():
            self._notifier.ping()
        return signals

    def reap_workers(self) -> None:
        """gunicorn calls it again and again while it waits for workers to end."""
        super().reap_workers()
        self._notifier.ping()

    def stop(self, graceful: bool = True) -> None:
        self._notifier.tell("STOPPING=1")
        end = time.monotonic() + self.cfg.graceful_timeout
        send(signal.SIGTERM if graceful else signal.SIGQUIT, self._relieved)
        super().stop(graceful)
        while (left := children_among(self._relieved)) and time.monotonic() < end:
            time.sleep(0.1)
        send(signal.SIGKILL, left)

    def handle_hup(self) -> None:
        if not self._started:  # by hand: gunicorn's reload is new workers with the old code
            super().handle_hup()
            return
        environ = self._orders.take()
        again = self._started.once_more(environ) if environ else self._started
        if reason := refusal(again):
            log.error("not reloaded, going on as before: %s", reason)
            self._orders.answer(reason)
            return
        log.warning("reloading")
        self._notifier.reloading()
        self._become(again)

    handle_usr2 = handle_hup

    def _all_serve(self) -> bool:
        serving = [worker for worker in self.WORKERS.values() if worker.serving]
        return bool(len(serving) >= self.num_workers)

    def _be_ready(self) -> None:
        self._ready = True
        self._line = self._lines()
        self._notifier.tell("READY=1", f"STATUS={self._line}")
        if self._relieved:
            send(signal.SIGHUP, self._relieved)
            self._orders.answer(DONE)

    def _tell_status(self) -> None:
        if (line := self._lines()) != self._line:
            self._line = line
            self._notifier.tell(f"STATUS={line}")

    def _lines(self) -> str:
        """How the bridge is, as its workers see it."""
        told = [worker.line for worker in self.WORKERS.values()]
        return f"{self.num_workers} worker(s), {'; '.join(dict.fromkeys(filter(None, told))) or 'starting'}"

    def _is_well(self) -> bool:
        """Somebody serves.  A worker that hangs is ended by gunicorn itself, when its time is over."""
        beats = [each.tmp.last_update() for each in self.WORKERS.values() if each.serving]
        latest: float = max(beats, default=-float("inf"))
        return time.monotonic() - latest < float(self.timeout)

    def _become(self, again: Started) -> None:
        listeners = [listener.fileno() for listener in self.LISTENERS]
        left = Inheritance(listeners, sorted({*self._relieved, *self.WORKERS}))
        # A second order waits until somebody can take it; it would be the end of a process that can't.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        counted = {name: value for name, value in os.environ.items() if name == metrics_folder.NAME}
        os.execve(again.command[0], again.command, again.environ | left.variables() | counted)


def refusal(again: Started) -> str:
    """Why a start would fail; nothing if it would not."""
    try:
        trial = subprocess.run(
            [*again.command, "--check"],
            env=again.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TRIAL_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = trial.stderr.decode(errors="replace").split("\n")
    return "" if not trial.returncode else next((each for each in reversed(words) if each), "it ended")


def children_among(pids: Iterable[int]) -> set[int]:
    """Those that still run; no other process can have their numbers before we have looked."""
    return {pid for pid in pids if is_child(pid)}


def is_child(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:  # ended, and reaped elsewhere
        return False


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in children_among(pids):
        os.kill(pid, number)


class Service(WSGIApplication):  # type: ignore[misc]
    def run(self) -> None:
        try:
            Master(self).run()
        except RuntimeError as error:
            sys.exit(f"copilot-bridge: {error}")


if __name__ == "__main__":
    Service("%(prog)s [OPTIONS] APP").run()
