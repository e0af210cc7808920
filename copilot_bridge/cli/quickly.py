"""For questions that are not worth a long wait."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from copilot_bridge.errors import UpstreamTimeout

T = TypeVar("T")


def quickly(work: Callable[[], T], seconds: float) -> T:
    """What `work` returns or raises; it goes on unheard if it takes longer.  Raises UpstreamTimeout."""
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise UpstreamTimeout(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
