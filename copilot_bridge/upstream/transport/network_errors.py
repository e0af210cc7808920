"""The meaning of network errors, as errors of the bridge."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from copilot_bridge.errors import BridgeError, StreamCut, UpstreamTimeout, UpstreamUnreachable

MAX_CAUSES = 9


class StaleConnectionError(ConnectionError):
    """A reused connection gave no response.  `unsent`: the request can't have arrived whole."""

    unsent = False


def network_error(
    error: Exception, url: str, limits: tuple[float, float], *, proxied: bool = False
) -> BridgeError:
    """The meaning of an error when no response came.  `limits`: seconds to connect, and between bytes."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, requests.ConnectTimeout):
        return UpstreamTimeout(f"no connection to {host} within {limits[0]:g} s")
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return UpstreamTimeout(f"no response from {host} for {limits[1]:g} s")
    if isinstance(error, requests.exceptions.ProxyError) or proxied:
        message = f"can't reach {host} through the proxy"
    elif isinstance(error, requests.exceptions.SSLError):
        message = f"no secure connection to {host}"
    else:
        message = f"can't reach {host}"
    unreachable = UpstreamUnreachable(f"{message}: {root_cause(error)}")
    unreachable.unsent = is_unsent(error)
    return unreachable


def is_stale(error: BaseException) -> bool:
    """Return whether a reused connection proved dead."""
    return any(isinstance(cause, StaleConnectionError) for cause in causes(error))


def is_unsent(error: BaseException) -> bool:
    """Return whether nobody can have read the request.

    There was no connection yet, or no tunnel through the proxy, or the other side's TCP has not acknowledged
    the request.
    """
    return isinstance(error, requests.exceptions.ProxyError) or any(
        isinstance(cause, NewConnectionError) or (isinstance(cause, StaleConnectionError) and cause.unsent)
        for cause in causes(error)
    )


def incomplete_response(error: Exception) -> BridgeError:
    """The meaning of an error when the response had begun."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return UpstreamTimeout("upstream fell silent in the middle of its response")
    return StreamCut(f"upstream's response ended early: {root_cause(error)}")


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: requests wraps urllib3's errors, which wrap the system's."""
    current: object = error
    for _ in range(MAX_CAUSES):
        if not isinstance(current, BaseException):
            return
        yield current
        context = None if current.__suppress_context__ else current.__context__
        wrapped = getattr(current, "reason", None) or current.__cause__ or context
        current = wrapped or next((arg for arg in current.args if isinstance(arg, BaseException)), None)


def root_cause(error: BaseException) -> str:
    """The text of the innermost error, the only one that says something."""
    *_, innermost = causes(error)
    reason = getattr(innermost, "strerror", None) or str(innermost)
    return " ".join(reason.split()) or type(innermost).__name__
