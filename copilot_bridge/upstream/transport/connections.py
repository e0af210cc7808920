"""Connections that are checked before they are used again, and watched while they are silent.

A connection may be dropped without a word: by a laptop's sleep, a NAT, a firewall, a load balancer.  A
request that is sent on such a connection would wait for the whole read timeout.  Therefore:

- A connection that was idle for about a minute is not used again.  Two clocks are asked, because one of them
  stands still while a laptop sleeps.  A connection that has ended, or that received something unasked, is not
  used either.
- A connection can be opened before a request needs it (`pools`).  It counts as a reused one.
- TCP itself checks silent connections (`sockets`): the end of one comes as an error within a minute, in the
  middle of a stream, too.
- If, on a reused connection, the other side's TCP has not acknowledged all of the request, and no more of it
  between two checks, then the request has not arrived whole, so it can't have been acted upon.  That is a
  network error, after which the request is sent again.
- If all is acknowledged and no response begins, there are two possible reasons: the TCP that acknowledged (a
  proxy's, a VPN client's, a load balancer's) has lost the connection behind it; or the response takes its
  time, as that to a long prompt does.  Nothing on this connection distinguishes the two, and sending the
  request again in the second case costs twice.  Time does distinguish them: a response is given up after
  three times as long as any response of its kind (path, model, streamed or not) has taken to begin, but not
  before ten seconds.  So a slow response is asked for twice at most once: the second attempt, on a new
  connection, is never given up, and its time counts from then on.  Only one request at a time is sent again
  because of silence alone (`patience`), so that a slow hour of upstream is not made slower.

All this concerns reused connections, and ends with the first byte of a response.
"""

import select
import ssl
import sys
import time
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.wait import wait_for_read

from copilot_bridge.upstream.transport.messages import MessageConnection
from copilot_bridge.upstream.transport.network_errors import StaleConnectionError
from copilot_bridge.upstream.transport.sockets import enable_keepalive
from copilot_bridge.upstream.transport.tls import remember_session
from copilot_bridge.upstream.transport.waiting import SendProgress, Timeouts, stale, wait_until_readable


def unpatched_poll() -> "select.poll":
    """The system's poll.  Where gevent is not imported, nothing is patched."""
    monkey = sys.modules.get("gevent.monkey")
    poll: select.poll = monkey.get_original("select", "poll")() if monkey else select.poll()
    return poll


def both_clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()


class WatchedConnection(MessageConnection):
    """A mixin for urllib3's connections: it watches a reused connection until its response begins."""

    reused = False  # a response has come on it, or it was opened ahead
    _responded = False
    idle_since: tuple[float, float] | None = None
    timeouts: Timeouts | None = None
    connect_seconds = 0.0  # that the request on it has waited for the connection

    def connect(self) -> None:
        began = time.monotonic()
        super().connect()  # type: ignore[misc]
        self.connect_seconds = time.monotonic() - began
        self.reused = self._responded = False
        enable_keepalive(self.sock)

    def note_opened_ahead(self) -> None:
        self.connect_seconds = 0.0
        self.reused = True
        self.note_idle()

    def note_idle(self) -> None:
        self.idle_since = both_clocks()

    @property
    def is_connected(self) -> bool:
        """Return whether the connection can be used; urllib3 asks before each use.

        gevent's own `poll` would go through the event loop and everything that waits there.
        """
        if self.sock is None:
            return False
        if not hasattr(select, "poll"):  # Windows
            return not wait_for_read(self.sock, timeout=0.0)
        poll = unpatched_poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0) or self._reads_only_tls()

    def _reads_only_tls(self) -> bool:
        """Read what has come unasked.  Messages of TLS, such as session tickets, are no sign of the end."""
        timeout = self.sock.gettimeout()
        try:
            self.sock.settimeout(0.0)
            self.sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except (OSError, ValueError):
            return False
        else:
            return False
        finally:
            self.sock.settimeout(timeout)

    def idle(self) -> float:
        """The seconds since the connection was put aside; a clock that was set back does not count."""
        since = self.idle_since or both_clocks()
        return max(now - then for now, then in zip(both_clocks(), since, strict=True))

    def getresponse(self) -> Any:
        """Wait for the response.

        :raises StaleConnectionError: the connection is a reused one and gives no response.
        """
        began = time.monotonic()
        try:
            if self.reused and self.timeouts:
                self.await_response(self.timeouts, began)
            response: Any = super().getresponse()
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            if not self.reused or isinstance(error, StaleConnectionError):
                raise
            raise StaleConnectionError(str(error)) from error
        if not self._responded:
            self._responded = True
            remember_session(self.sock)
        self.reused = True
        response.connect_seconds, self.connect_seconds = self.connect_seconds, 0.0
        if self.timeouts:
            self.timeouts.patience.note(self.timeouts.kind, time.monotonic() - began)
        return response

    def await_response(self, timeouts: Timeouts, began: float) -> None:
        """Wait until the response begins, or the read timeout is over.

        :raises StaleConnectionError: there are signs that none will come.
        """
        if getattr(self.sock, "pending", int)():  # read and decrypted already
            return
        end = began + (timeouts.read_timeout or 0.0)
        progress = SendProgress(self.sock, began)
        while (now := time.monotonic()) < end:
            give_up = began + timeouts.patience.of(timeouts.kind)
            until = min(end, progress.next_check, give_up if give_up > now else end)
            if wait_until_readable(self.sock, max(0.0, until - now)):
                return
            if stuck := progress.check(time.monotonic()):
                raise stale(f"{stuck} bytes were not acknowledged", unsent=True)
            if timeouts.patience.is_over(timeouts.kind, time.monotonic() - began):
                raise stale(f"no response for {time.monotonic() - began:.0f} s")
        raise TimeoutError("timed out")


class PlainConnection(WatchedConnection, HTTPConnection):
    pass


class SecureConnection(WatchedConnection, HTTPSConnection):
    pass
