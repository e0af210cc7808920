"""Copilot's API for one account: the right host, a fresh token, one replay where that is safe."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import requests

from copilot_bridge.errors import BridgeError, UpstreamTimeout, UpstreamUnreachable
from copilot_bridge.upstream.error_mapping import MENDABLE, RENEW, RETRY, Refusal, read_refusal
from copilot_bridge.upstream.github.tokens import Account, CopilotToken, CopilotTokens
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.signals import Signals
from copilot_bridge.upstream.transport.bodies import read_error_body
from copilot_bridge.upstream.transport.http_client import HttpClient

log = logging.getLogger(__name__)

MEND = "mend"
MOST_MENDS = 5  # of a request: it goes out a few times at the worst

Mend = Callable[[Refusal], bytes | None]  # another body to try, or None


class Gate(Protocol):
    """What each of a client's requests passes on its way out.  Both are for the one that is sent."""

    def acquire(self, model: str, path: str) -> None:
        """Blocks until it may go.  Raises BridgeError: it may not."""

    def note_refusal(self, error: BridgeError, model: str, path: str) -> None: ...


class Copilot:
    """Sends requests for an account.  Everything here happens before a client has seen a byte."""

    def __init__(
        self,
        client: HttpClient,
        tokens: CopilotTokens,
        headers: Headers,
        account: Account,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate
        self.account = account
        self._client = client
        self._tokens = tokens
        self._headers = headers
        self.waited = 0.0  # seconds, for tokens
        self.errors: list[str] = []  # the kinds of what Copilot refused, or the network

    def token(self) -> CopilotToken:
        began = time.monotonic()
        try:
            return self._tokens.get(self.account)
        except BridgeError as error:
            raise passing(error) from error
        finally:
            self.waited += time.monotonic() - began

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        request_id: str | None = None,
        signals: Signals | None = None,
        mend: Mend | None = None,
        model: str = "",
        streamed: bool = False,
        timeout: float | None = None,
    ) -> requests.Response:
        """A reply with a status below 300, its body unread.  Raises what went wrong otherwise.

        A refusal with a remedy is answered by that remedy, each once, and one of the request itself by
        another body: so a request goes out a few times at the worst, and never again after the first byte
        of an answer.

        :param signals: of a conversation's call.  Where it may have been read, the person's turn has been
            told of, and the replay is the agent's; what Copilot can't have read is still the person's.
        :param timeout: seconds between two bytes, where the usual is too patient.
        :param mend: asked for another body when upstream refused what can be said otherwise, until it has
            none; it may change `headers` as well.
        :param model: whose limit may be used up.
        :param streamed: the answer begins before it is whole.
        """
        tried: Counter[str] = Counter()
        kind = f"{path} {model} {streamed}"
        gate = self._gate if request_id else None  # the list of models is nobody's request
        while True:
            if gate:
                gate.acquire(model, path)
            token = self.token()  # after the wait, which may have been long
            sent = self._headers.copilot(path, token.value, token.kind, request_id, signals) | (headers or {})
            try:
                response = self._client.send(method, token.api + path, sent, body, timeout=timeout, kind=kind)
            except UpstreamTimeout as error:
                self.errors.append(error.kind)
                raise
            except UpstreamUnreachable as error:
                self.errors.append(error.kind)
                if RETRY in tried:
                    raise
                tried[RETRY] += 1
                log.info("once more after a network error: %s", error)
                signals = signals if error.unsent else replayed(signals)
                continue
            if response.status_code < 300:
                return response
            refusal = read_refusal(response.status_code, response.headers, read_error_body(response))
            self.errors.append(refusal.kind)
            if gate:
                gate.note_refusal(refusal, model, path)
            body = self._remedied(refusal, token, tried, body, mend)
            if refusal.remedy == RETRY:  # it was read; what was refused for its form or its token was not
                signals = replayed(signals)

    def _remedied(
        self,
        refusal: Refusal,
        token: CopilotToken,
        tried: Counter[str],
        body: bytes | None,
        mend: Mend | None,
    ) -> bytes | None:
        """The body to send next; raises the refusal if there is nothing left to try."""
        if refusal.kind == "quota":
            self._tokens.forget(self.account, token)  # the quota's state is sealed in the token
        # A 401 may be about the request, too: then no other token helps.
        mended = mend(refusal) if mend and refusal.status in MENDABLE and tried[MEND] < MOST_MENDS else None
        if mended is not None:
            tried[MEND] += 1
            log.info("status %s (%s): said otherwise", refusal.status, refusal.code)
            return mended
        remedy = refusal.remedy
        if remedy is None or tried[remedy]:
            raise refusal
        tried[remedy] += 1
        log.info("status %s (%s), trying %s: %s", refusal.status, refusal.code, remedy, refusal)
        if remedy == RENEW and not self._renew(refusal, token):
            raise refusal
        return body

    def _renew(self, refusal: Refusal, token: CopilotToken) -> bool:
        """A token that is never exchanged can't be renewed; but its host may have been the wrong one."""
        return (token.kind == "exchanged" or refusal.status == 421) and self._tokens.forget(
            self.account, token
        )


def replayed(signals: Signals | None) -> Signals | None:
    return signals.again() if signals else None


# What goes by without anybody's doing.
PASSING = ("unreachable", "timeout", "unavailable", "stream_cut")


def passing(error: BridgeError) -> BridgeError:
    """The same, told as what it is: without a token or a list of models nobody can be served just now."""
    error.unready = error.kind in PASSING and (error.status is None or error.status >= 500)
    return error
