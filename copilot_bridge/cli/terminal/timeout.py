"""Calls with a timeout."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from copilot_bridge.errors import UpstreamTimeout

T = TypeVar("T")


def call_with_timeout(work: Callable[[], T], seconds: float) -> T:
    """Run `work` in a thread and return its result; a late result is dropped.  Raises UpstreamTimeout."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    threading.Thread(
        target=run, daemon=True
    ).start()  # a thread of an executor would keep the process from ending
    if not wait([future], seconds).done:
        raise UpstreamTimeout(f"no response within {seconds:g} s")
    return future.result()
