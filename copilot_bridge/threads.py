"""Runs functions beside the greenlet that calls: slow ones in gevent's threads, others when it waits."""

from collections.abc import Callable
from typing import Protocol, TypeVar, cast

T = TypeVar("T")


def run_soon(function: Callable[[], object]) -> None:
    """Runs a function as soon as this greenlet waits for something.

    It runs in the event loop itself, which saves most of the time that a greenlet takes to begin, so it may
    not wait for anything.
    """
    from gevent.hub import get_hub  # a command that needs no greenlet starts without gevent

    get_hub().loop.run_callback(function)


class Running(Protocol):
    """A function that runs in a greenlet of its own."""

    def kill(self, *, block: bool = True) -> None:
        """End the function where it waits.  `block`: return only when it has ended."""


def start(function: Callable[[], object]) -> Running:
    """Starts a function in a greenlet of its own, which can be ended."""
    import gevent  # a command that needs no greenlet starts without gevent

    running: Running = gevent.spawn(function)
    return running


def run_in_thread(function: Callable[..., T], *args: object) -> T:
    """The function's result, or its error, from one of gevent's threads, which would print an error.

    The function may not wait for a lock of ours: greenlets hold those, and the thread could wait for ever.
    """

    def capture() -> tuple[T | None, BaseException | None]:
        try:
            return function(*args), None
        except BaseException as error:  # noqa: BLE001 - raised again in the greenlet that called
            return None, error

    from gevent.hub import get_hub  # a command that needs no thread starts without gevent

    result, error = get_hub().threadpool.apply(capture)
    if error is not None:
        raise error
    return cast(T, result)
