"""Copilot's API for one account: the right host, a fresh token, and a retry where that is safe."""

import logging
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Literal, Protocol

import requests
from msgspec import Struct

from copilot_bridge.errors import BridgeError, KindName, Unsupported, UpstreamTimeout, UpstreamUnreachable
from copilot_bridge.upstream.error_mapping import ADAPTABLE, RENEW, RETRY, Refusal, read_refusal
from copilot_bridge.upstream.github.accounts import Account, CopilotToken
from copilot_bridge.upstream.github.tokens import CopilotTokens
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.signals import Signals
from copilot_bridge.upstream.transport.bodies import read_error_body
from copilot_bridge.upstream.transport.http_client import HttpClient, connect_seconds
from copilot_bridge.upstream.waits import Waits

if TYPE_CHECKING:
    from copilot_bridge.upstream.websocket.turns import Turn, Turns

log = logging.getLogger(__name__)

Host = Literal["api", "completions"]
API: Host = "api"

ADAPT = "adapt"
MAX_ADAPTATIONS = 5  # of a request

Adapt = Callable[[Refusal], bytes | None]  # another body to try, or None


class Gate(Protocol):
    """The limits that a client's request has to pass before it is sent."""

    def acquire(self, model: str, path: str) -> None:
        """Block until the request may be sent.

        :raises BridgeError: it may not be sent.
        """

    def note_refusal(self, error: BridgeError, model: str, path: str) -> None: ...


class UpstreamRequest(Struct, frozen=True):
    """Describes what all attempts at a request have in common.

    :param id: of the client's request; None: the bridge's own.
    :param adapt: gives another body after a refusal, or None; it may change `headers`, too.
    :param model: whose limit may be used up.
    :param streamed: the response begins before it is complete.
    :param timeout: seconds between two bytes, instead of the setting's.
    :param host: the one of Copilot's hosts that serves the path.
    :param turn: the conversation's turn, which a WebSocket may carry.
    """

    method: str
    path: str
    headers: dict[str, str]
    id: str | None
    adapt: Adapt | None
    model: str
    streamed: bool
    timeout: float | None
    host: Host
    turn: "Turn | None"

    @property
    def kind(self) -> str:
        """Return the kind of requests whose responses take about as long to begin."""
        return f"{self.path} {self.model} {self.streamed}"


class Copilot:
    """Sends the requests of an account.  All of this happens before the client gets its first byte."""

    def __init__(
        self,
        client: HttpClient,
        tokens: CopilotTokens,
        headers: Headers,
        account: Account,
        gate: Gate | None = None,
        *,
        background: bool = False,
        websockets: "Turns | None" = None,
    ) -> None:
        self._gate = gate
        self._background = background
        self._websockets = websockets
        self.account = account
        self._client = client
        self._tokens = tokens
        self._headers = headers
        self.waits = Waits()
        self.errors: list[str] = []  # the kinds of Copilot's refusals and of network errors
        self.retries = 0  # how often a client's request was sent again
        self.uploaded = 0  # bytes of a client's request, with all that was sent again
        self.spared = 0  # bytes that Copilot remembered

    def for_background(self) -> "Copilot":
        """Return the same account for work that no request waits for."""
        return Copilot(self._client, self._tokens, self._headers, self.account, background=True)

    def token(self) -> CopilotToken:
        """A valid token.  While one is exchanged, a connection to Copilot is opened for the request."""
        if token := self._tokens.available(self.account):
            return token
        if api := self._tokens.api(self.account):
            self._client.begin_connection(api)
        try:
            with self.waits.of("token"):
                return self._tokens.get(self.account)
        except BridgeError as error:
            raise mark_temporary(error) from error

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        request_id: str | None = None,
        signals: Signals | None = None,
        adapt: Adapt | None = None,
        model: str = "",
        streamed: bool = False,
        timeout: float | None = None,
        host: Host = API,
        conversation: str = "",
    ) -> requests.Response:
        """Send a request and return a response with a status below 300, its body unread.

        After a refusal with a remedy, that remedy is tried once; after a refusal of the request itself, an
        adapted body is sent.  A request is sent a few times at most, and never again after the first byte of
        a response.  `UpstreamRequest` describes the parameters.

        :param conversation: a Responses request belongs to it, and a WebSocket may carry it.
        :raises BridgeError: Copilot refused, or the network failed.
        """
        headers = {} if headers is None else headers  # not `or`: `adapt` may add to the caller's
        turn = self._turn(model, conversation)
        request = UpstreamRequest(
            method, path, headers, request_id, adapt, model, streamed, timeout, host, turn
        )
        return self._try(request, body, signals)

    def _try(
        self, request: UpstreamRequest, body: bytes | None, signals: Signals | None
    ) -> requests.Response:
        """Send the request until it has its response, or nothing is left to try.

        :param signals: of a call in a conversation.  If Copilot may have read it, the user's turn is counted
            already, and the replay is the agent's; else it is still the user's.
        """
        tried: Counter[str] = Counter()
        gate = self._gate if request.id else None  # the list of models is not a client's request
        for attempt in count():
            self.retries += attempt > 0 and request.id is not None
            if gate:
                gate.acquire(request.model, request.path)
            token = self.token()  # after the gate, which may have taken long
            response, signals = self._by_websocket(request, token, body, signals)
            if response is not None:
                return response
            try:
                response = self._by_http(request, token, body, signals)
            except UpstreamUnreachable as error:
                signals = self._after_network_error(error, tried, signals)
                continue
            if response.status_code < 300:
                return response
            refusal = self._refusal_of(response, request, gate)
            body = self._next_body(refusal, token, tried, body, request.adapt)
            if refusal.remedy == RETRY:  # it was read; a request refused for its form or its token was not
                signals = for_replay(signals)
        raise AssertionError("the attempts end with a response or an error")

    def _by_http(
        self, request: UpstreamRequest, token: CopilotToken, body: bytes | None, signals: Signals | None
    ) -> requests.Response:
        identity = self._headers.copilot(request.path, token.value, token.exchanged, request.id, signals)
        headers = identity | request.headers
        self.uploaded += len(body or b"")
        url = base_of(token, request.host) + request.path
        try:
            response = self._client.send(
                request.method,
                url,
                headers,
                body,
                timeout=request.timeout,
                kind=request.kind,
                background=self._background,
            )
        except (UpstreamTimeout, UpstreamUnreachable) as error:
            self.errors.append(error.kind)
            raise
        self.waits.connection += connect_seconds(response)
        if response.status_code < 300 and request.turn is not None:
            request.turn.prepare_next(url, headers)
        return response

    def _after_network_error(
        self, error: UpstreamUnreachable, tried: Counter[str], signals: Signals | None
    ) -> Signals | None:
        """Return the signals of the one retry.  Raises the error: the request was sent again already."""
        if RETRY in tried:
            raise error
        tried[RETRY] += 1
        log.info("sending once more after a network error: %s", error)
        return signals if error.unsent else for_replay(signals)

    def _refusal_of(
        self, response: requests.Response, request: UpstreamRequest, gate: Gate | None
    ) -> Refusal:
        refusal = read_refusal(response.status_code, response.headers, read_error_body(response))
        self.errors.append(refusal.kind)
        if gate:
            gate.note_refusal(refusal, request.model, request.path)
        return refusal

    def _turn(self, model: str, conversation: str) -> "Turn | None":
        if self._websockets is None or not conversation:
            return None
        return self._websockets.turn(self.account.fingerprint, model, conversation)

    def _by_websocket(
        self, request: UpstreamRequest, token: CopilotToken, body: bytes | None, signals: Signals | None
    ) -> tuple[requests.Response | None, Signals | None]:
        """Try the conversation's WebSocket, once.  Returns no response if there is none, or it has failed.

        The signals are those of the next attempt.
        """
        turn = request.turn
        if turn is None or turn.attempted or body is None or signals is None:
            return None, signals
        of_turn = self._headers.of_frame(token.exchanged, signals) | request.headers
        outcome = turn.attempt(body, signals.initiator, of_turn)
        self.uploaded += outcome.sent
        self.spared += outcome.spared
        if outcome.failed:
            self.retries += 1
            self.errors.append("websocket")
        return outcome.response, for_replay(signals) if outcome.read else signals

    def _next_body(
        self,
        refusal: Refusal,
        token: CopilotToken,
        tried: Counter[str],
        body: bytes | None,
        adapt: Adapt | None,
    ) -> bytes | None:
        """The body to send next.

        :raises Refusal: nothing is left to try.
        """
        if refusal.kind == "quota":
            self._tokens.forget(self.account, token)  # the token carries the state of the quota
        # A 401 may concern the request, too: then another token does not help.
        adaptable = adapt and refusal.status in ADAPTABLE and tried[ADAPT] < MAX_ADAPTATIONS
        adapted = adapt(refusal) if adapt and adaptable else None
        if adapted is not None:
            tried[ADAPT] += 1
            log.info("status %s (%s): sending an adapted request", refusal.status, refusal.code)
            return adapted
        remedy = refusal.remedy
        if remedy is None or tried[remedy]:
            raise refusal
        tried[remedy] += 1
        log.info("status %s (%s), trying %s: %s", refusal.status, refusal.code, remedy, refusal)
        if remedy == RENEW and not self._renew(refusal, token):
            raise refusal
        return body

    def _renew(self, refusal: Refusal, token: CopilotToken) -> bool:
        """Renew the token.  A GitHub token stays the same; but its host may have been the wrong one."""
        return (token.exchanged or refusal.status == 421) and self._tokens.forget(self.account, token)


def base_of(token: CopilotToken, host: Host) -> str:
    """Return the address of one of Copilot's hosts.

    :raises Unsupported: this token gives no access to it.
    """
    base = token.api if host == API else token.completions
    if not base:
        message = "model: this login has no access to code completion; use a chat model"
        raise Unsupported(message, param="model")
    return base


def for_replay(signals: Signals | None) -> Signals | None:
    return signals.for_replay() if signals else None


# Kinds of errors that end without anybody's help.
TEMPORARY: tuple[KindName, ...] = ("unreachable", "timeout", "unavailable", "stream_cut")


def mark_temporary(error: BridgeError) -> BridgeError:
    """Mark the bridge as unready: without a token or a list of models no request can be served for now."""
    error.token_unavailable = error.kind in TEMPORARY and (error.status is None or error.status >= 500)
    return error
