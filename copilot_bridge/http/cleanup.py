"""Closes everything that a request has opened, and sends an error response where Flask does not.

Flask handles the exceptions of views.  The error boundary handles the rest: a `BaseException` (a library's
panic), an exception in a hook after the view, and a header that the server refuses to send.
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
Action = Callable[[], object]

CLEANUP = "copilot_bridge.cleanup"

# The regular ends of a greenlet and of the process.
EXITS = (gevent.GreenletExit, SystemExit, KeyboardInterrupt)


class Cleanup:
    """The actions after a response, run in order and once each, even if others fail."""

    __slots__ = ("_actions", "attached")

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self.attached = False  # to a response, which the server closes at its end

    def add(self, action: Action) -> None:
        self._actions.append(action)

    def close(self) -> None:
        actions, self._actions = self._actions, []
        for action in actions:
            try:
                action()
            except EXITS:
                raise
            except BaseException:
                log.exception("the cleanup after a request failed")


class ErrorBoundary:
    """WSGI middleware around the whole application: the last handler of every exception."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        cleanup = environ[CLEANUP] = Cleanup()
        try:
            response = self._application(environ, start_response)
        except EXITS:
            cleanup.close()
            raise
        except BaseException:
            cleanup.close()
            log.exception("internal error at %s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            return self._respond_internal_error(environ, start_response)
        if not cleanup.attached:
            cleanup.close()
        return response

    def _respond_internal_error(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        error = BridgeError("internal error of the bridge; see its log")
        status, headers, body = write_error(dialect_of_path(environ.get("PATH_INFO", "")), error)
        all_headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        start_response(f"{status} {HTTPStatus(status).phrase}", [*all_headers.items()], sys.exc_info())
        return [body]
