"""The process that `forks.py` starts: it imports the program once, and becomes a bridge in each fork."""

from copilot_bridge.serving.garbage_collector import pause_garbage_collector

pause_garbage_collector()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
from typing import Any  # noqa: E402

from gevent import monkey  # noqa: E402

from copilot_bridge.serving import gevent_server  # noqa: E402 - it patches the standard library for all that follows

# Gevent's own need an event loop, and each fork has to make its own.
select = monkey.get_original("select", "select")
close, fork, waitpid = monkey.get_original("os", ["close", "fork", "waitpid"])

MAX_REQUEST = 65536  # bytes; a request has the whole environment of a bridge


def fork_bridges(control: Any) -> tuple[dict[str, Any], int, int] | None:
    """Fork for each request that comes, and tell how each fork has ended.

    :returns: in a fork, its request and the file descriptors of its listener and its log; None at the end.
    """
    running: dict[int, tuple[int, int]] = {}  # a pipe that ends with the fork: its id, and where that is told
    while True:
        ready, _, _ = select([control, *running], [], [])
        for alive in running.keys() & set(ready):
            pid, status = running.pop(alive)
            code = os.waitstatus_to_exitcode(waitpid(pid, 0)[1])
            os.write(status, str(code).encode())
            close(status)
            close(alive)
        if control not in ready:
            continue
        request, (*descriptors,), _, _ = socket.recv_fds(control, MAX_REQUEST, 3)
        if not request:
            return None
        listener, log, status = descriptors
        alive, ends_with_fork = os.pipe()
        pid = fork()
        if not pid:
            for fileno in (alive, status, *running, *(status for _, status in running.values())):
                close(fileno)
            control.detach()  # standard input becomes another
            return json.loads(request), listener, log
        for fileno in (listener, log, ends_with_fork):
            close(fileno)
        running[alive] = (pid, status)
        control.send(str(pid).encode())


def become(request: dict[str, Any], log: int) -> None:
    """Make this process one that was started for the request."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number, descriptor in enumerate((nowhere, nowhere, log)):
        os.dup2(descriptor, number)
    close(nowhere)
    close(log)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_NOFILE, request["open_files"])
    os.chdir(request["home"])
    os.environ.clear()
    os.environ.update(request["environment"])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what Ctrl-C ends is the process of the tests
    forked = fork_bridges(monkey.get_original("socket", "socket")(fileno=0))
    if forked:
        request, listener, log = forked
        become(request, log)
        gevent_server.main([listener])
