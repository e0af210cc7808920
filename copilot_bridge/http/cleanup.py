"""Whatever happens between the server and a view: what was opened is closed, and the client gets an answer.

Flask answers an exception of a view.  What it does not answer ends here: an exception that is no `Exception`
(a library's panic), one of the hooks after the view, and a header that the server refuses to send.
"""

import logging
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import gevent

from copilot_bridge.dialects.registry import dialect_of_path, write_error
from copilot_bridge.errors import BridgeError

log = logging.getLogger(__name__)

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Close = Callable[[], object]

CLEANUP = "copilot_bridge.cleanup"

# The ends of a greenlet and of the process, which are nobody's mistake.
EXITS = (gevent.GreenletExit, SystemExit, KeyboardInterrupt)


class Cleanup:
    """What is to be done when a request has been answered, in order; each once, whatever the others do."""

    __slots__ = ("_actions", "attached")

    def __init__(self) -> None:
        self._actions: list[Close] = []
        self.attached = False  # to a response, which the server closes

    def add(self, close: Close) -> None:
        self._actions.append(close)

    def close(self) -> None:
        cleanup, self._actions = self._actions, []
        for each in cleanup:
            try:
                each()
            except EXITS:
                raise
            except BaseException:
                log.exception("a request was not closed as it should have been")


class ErrorBoundary:
    """WSGI: around the whole application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        cleanup = environ[CLEANUP] = Cleanup()
        try:
            answer = self._application(environ, start_response)
        except EXITS:
            cleanup.close()
            raise
        except BaseException:
            cleanup.close()
            log.exception("internal error at %s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            return self._respond_internal_error(environ, start_response)
        if not cleanup.attached:
            cleanup.close()
        return answer

    def _respond_internal_error(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        error = BridgeError("internal error of the bridge: its log has more")
        status, headers, body = write_error(dialect_of_path(environ.get("PATH_INFO", "")), error)
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        start_response(f"{status} {HTTPStatus(status).phrase}", [*given.items()], sys.exc_info())
        return [body]
