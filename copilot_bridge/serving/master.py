"""The master of gunicorn, with a reload that takes all new settings and new code and drops no request.

On SIGHUP (and SIGUSR2) this process first runs `start --check` again beside itself.  If that succeeds, it
executes the start command in its own place: the same process id, new settings, new code.  The listening
sockets and the old workers stay.  When the new workers serve, the old ones drain: they accept no more
connections, finish their streams, however long these last, and end.

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
from copilot_bridge.serving.handover import Handover, StartCommand
from copilot_bridge.serving.notifier import Notifier
from copilot_bridge.serving.reload_request import DONE, ReloadRequest

log = logging.getLogger(__name__)

START_POLL_INTERVAL = 0.02  # seconds between two checks whether the new workers serve
CHECK_TIMEOUT = 30.0  # seconds for `start --check`

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Master(Arbiter):  # type: ignore[misc]
    def __init__(self, app: Any) -> None:
        self._notifier = Notifier.take_from(os.environ)
        self._start_command = StartCommand.take_from(os.environ)
        self._draining = set(Handover.take_from(os.environ).workers)
        self._reload_request = ReloadRequest(os.environ)
        self._ready = False
        self._status_line = ""
        super().__init__(app)
        self.systemd = True  # or gunicorn would delete a Unix socket that it was given

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        signals: list[int] = super().wait_for_signals(timeout if self._ready else START_POLL_INTERVAL)
        if not self._ready and self._all_workers_serve():
            self._become_ready()
        self._draining = running_children(self._draining)
        if self._ready:
            self._notify_status()
        if self._is_healthy():
            self._notifier.ping()
        return sorted(signals, key=lambda number: number not in STOPS)

    def reap_workers(self) -> None:
        """Reap ended workers, and ping systemd.

        gunicorn calls this regularly, also while it waits for workers to end.
        """
        super().reap_workers()
        self._notifier.ping()

    def stop(self, graceful: bool = True) -> None:
        self._notifier.notify("STOPPING=1")
        deadline = time.monotonic() + self.cfg.graceful_timeout
        send_signal(signal.SIGTERM if graceful else signal.SIGQUIT, self._draining)
        super().stop(graceful)
        while (running := running_children(self._draining)) and time.monotonic() < deadline:
            time.sleep(0.1)
        send_signal(signal.SIGKILL, running)

    def handle_hup(self) -> None:
        if not self._start_command:  # gunicorn was run by hand: new workers with the old code
            super().handle_hup()
            return
        environ = self._reload_request.claim()
        command = self._start_command.with_environ(environ) if environ else self._start_command
        if problem := check_start(command):
            log.error("the reload failed; the server continues unchanged: %s", problem)
            self._reload_request.report(problem)
            return
        if self._is_to_stop():
            return
        log.warning("reloading")
        self._notifier.notify_reloading()
        self._reexec(command)

    handle_usr2 = handle_hup

    def _is_to_stop(self) -> bool:
        """Return whether a stop was requested since the reload began: the next program would not know of it.

        A signal that comes later ends the process at once, as it does until that program handles it.
        """
        for number in STOPS:
            signal.signal(number, signal.SIG_DFL)
        waiting = [self.SIG_QUEUE.get_nowait() for _ in range(self.SIG_QUEUE.qsize())]
        for number in waiting:
            self.SIG_QUEUE.put_nowait(number)
        if not any(number in STOPS for number in waiting):
            return False
        self.init_signals()
        return True

    def _all_workers_serve(self) -> bool:
        serving = [worker for worker in self.WORKERS.values() if worker.serving]
        return bool(len(serving) >= self.num_workers)

    def _become_ready(self) -> None:
        self._ready = True
        self._status_line = self._summary()
        self._notifier.notify("READY=1", f"STATUS={self._status_line}")
        if self._draining:
            send_signal(signal.SIGHUP, self._draining)
            self._reload_request.report(DONE)

    def _notify_status(self) -> None:
        if (line := self._summary()) != self._status_line:
            self._status_line = line
            self._notifier.notify(f"STATUS={line}")

    def _summary(self) -> str:
        """The condition of the service, as its workers report it."""
        conditions = dict.fromkeys(worker.condition for worker in self.WORKERS.values() if worker.condition)
        return f"{self.num_workers} worker(s), {'; '.join(conditions) or 'starting'}"

    def _is_healthy(self) -> bool:
        """True if a worker serves.  gunicorn itself ends a worker that hangs, after its timeout."""
        beats = [worker.tmp.last_update() for worker in self.WORKERS.values() if worker.serving]
        latest: float = max(beats, default=-float("inf"))
        return time.monotonic() - latest < float(self.timeout)

    def _reexec(self, command: StartCommand) -> None:
        listeners = [listener.fileno() for listener in self.LISTENERS]
        handover = Handover(listeners, sorted({*self._draining, *self.WORKERS}))
        # A second SIGHUP has to wait until the new program handles it; before that it would end the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        kept = {name: value for name, value in os.environ.items() if name == metrics_folder.FOLDER_VARIABLE}
        os.execve(command.command[0], command.command, command.environ | handover.variables() | kept)


def check_start(command: StartCommand) -> str:
    """Return the reason why a start would fail, or ""."""
    try:
        check = subprocess.run(
            [*command.command, "--check"],
            env=command.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=CHECK_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not check.returncode:
        return ""
    lines = check.stderr.decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line), "it ended")


def running_children(pids: Iterable[int]) -> set[int]:
    """The processes that still run.  Their ids can't have been reused: only this process reaps them."""
    return {pid for pid in pids if is_running_child(pid)}


def is_running_child(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:  # it has ended, and was reaped elsewhere
        return False


def send_signal(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in running_children(pids):
        os.kill(pid, number)


class Service(WSGIApplication):  # type: ignore[misc]
    def run(self) -> None:
        try:
            Master(self).run()
        except RuntimeError as error:
            sys.exit(f"copilot-bridge: {error}")


if __name__ == "__main__":
    Service("%(prog)s [OPTIONS] APP").run()
