"""The device flow, by which the bridge gets a GitHub login.

Source: docs.github.com, "Authorizing OAuth apps", device flow; RFC 8628.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.errors import (
    BridgeError,
    KindName,
    LoginRequired,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.api import TIMEOUT, positive, read_response
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.transport.bodies import read_error_body, read_whole
from copilot_bridge.upstream.transport.http_client import HttpClient

# The app of Copilot's own editor plugins.  GitHub does not exchange the tokens of other apps.
CLIENT_ID = "Iv1.b507a08c87ecfe98"
SCOPE = "read:user"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# Seconds, where GitHub's response names none (RFC 8628, sections 3.2 and 3.5).
DEFAULT_INTERVAL, DEFAULT_LIFETIME, SLOW_DOWN_STEP = 5.0, 900.0, 5.0
POLL_MARGIN = 1.0  # GitHub's clock differs from ours, and a poll that is too early costs five seconds


class DeviceCode(Struct, frozen=True):
    """The code that the user types at GitHub, and the code by which the bridge polls meanwhile.

    :param interval: seconds between two polls.
    :param expires_at: unix seconds, by our clock.
    """

    user_code: str
    verification_uri: str
    device_code: Secret
    interval: float
    expires_at: float


class PollResult(Struct, frozen=True):
    """The result of one poll.

    :param state: "granted", "pending", "slow_down" or "no_response" (the network or GitHub failed).
    :param code: the code for the next poll: after a slow_down its interval is longer.
    :param token: there if the state is "granted".
    """

    state: str
    code: DeviceCode
    token: Secret | None = None


class PollOutcome(Struct, frozen=True):
    """The meaning of an `error`.  `state`: polling goes on; `message`: the login has failed, and why."""

    state: str = ""
    message: str = ""
    kind: KindName = "authentication"


EXPIRED = "the code has expired: start again"

OUTCOMES = {
    "authorization_pending": PollOutcome("pending"),
    "slow_down": PollOutcome("slow_down"),
    "expired_token": PollOutcome(message=EXPIRED),
    "access_denied": PollOutcome(message="the login was cancelled on GitHub's page: start again to allow it"),
    "incorrect_device_code": PollOutcome(message="the code is unknown or was used already: start again"),
    "incorrect_client_credentials": PollOutcome(
        message="GitHub does not know the app that the bridge logs in with: check the setting github_url"
    ),
    "unsupported_grant_type": PollOutcome(
        message="GitHub does not support this kind of login", kind="internal"
    ),
    "device_flow_disabled": PollOutcome(
        message="device logins are switched off here: set COPILOT_BRIDGE_GITHUB_TOKEN instead"
    ),
    "unverified_user_email": PollOutcome(
        message="the e-mail address of this GitHub account is not verified: see github.com/settings/emails"
    ),
}


class DeviceFlow:
    """A login by a code that the user types at GitHub.

    :param clock: unix seconds.
    """

    def __init__(
        self,
        client: HttpClient,
        headers: Headers,
        hosts: Hosts,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._headers = headers.github() | {"Content-Type": "application/json"}
        self._github = hosts.github
        self._clock = clock
        self._sleep = sleep

    def begin(self) -> DeviceCode:
        """Ask GitHub for a new code.

        :raises BridgeError: GitHub gave none, or the network failed.
        """
        status, content = self._post("/login/device/code", {"client_id": CLIENT_ID, "scope": SCOPE})
        device_code, user_code = content.get("device_code"), content.get("user_code")
        if not isinstance(device_code, str) or not isinstance(user_code, str):
            raise self._no_code(status, content)
        return DeviceCode(
            user_code=user_code,
            verification_uri=str(content.get("verification_uri") or f"{self._github}/login/device"),
            device_code=Secret(device_code),
            interval=positive(content.get("interval")) or DEFAULT_INTERVAL,
            expires_at=self._clock() + (positive(content.get("expires_in")) or DEFAULT_LIFETIME),
        )

    def poll(self, code: DeviceCode) -> PollResult:
        """Ask once, without waiting; the caller keeps to `code.interval`.

        :raises BridgeError: the login has failed; its `code` is GitHub's, like "expired_token".
        """
        if self._clock() >= code.expires_at:
            raise BridgeError(EXPIRED, kind="authentication", code="expired_token")
        form = {"client_id": CLIENT_ID, "device_code": code.device_code.reveal(), "grant_type": GRANT}
        try:
            status, content = self._post("/login/oauth/access_token", form)
        except (UpstreamUnreachable, UpstreamTimeout, UpstreamRefused):
            return PollResult("no_response", code)
        token = content.get("access_token")
        if isinstance(token, str) and token:
            return PollResult("granted", code, Secret(token))
        return self._not_yet(code, status, content)

    def wait(self, code: DeviceCode, on_state: Callable[[str], None] = lambda _state: None) -> Secret:
        """Wait until the user has typed the code, and return the GitHub token.

        :param on_state: called with the `state` of each poll.
        :raises BridgeError: as `poll`.
        """
        while True:
            left = code.expires_at - self._clock()
            self._sleep(max(0.0, min(code.interval + POLL_MARGIN, left)))
            result = self.poll(code)
            on_state(result.state)
            if result.token:
                return result.token
            code = result.code

    def _not_yet(self, code: DeviceCode, status: int, content: dict[str, Any]) -> PollResult:
        """The result without a token.  The status of these responses is 200; the body decides."""
        error = content.get("error")
        if not isinstance(error, str):
            if status < 300 or status == 429 or status >= 500:  # a page of GitHub's or of a middlebox
                return PollResult("no_response", code)
            raise BridgeError(f"GitHub refused the login with status {status}: start again")
        outcome = OUTCOMES.get(error)
        if outcome is None:
            reason = content.get("error_description") or error
            raise BridgeError(f"GitHub refused the login: {reason}", kind="authentication", code=error)
        if not outcome.state:
            raise BridgeError(outcome.message, kind=outcome.kind, code=error)
        return PollResult(outcome.state, slower(code, content) if outcome.state == "slow_down" else code)

    def _no_code(self, status: int, content: dict[str, Any]) -> BridgeError:
        error = content.get("error")
        if isinstance(error, str) and (outcome := OUTCOMES.get(error)) and outcome.message:
            return BridgeError(outcome.message, kind=outcome.kind, code=error)
        reason = content.get("error_description") or error or f"status {status}"
        return UpstreamRefused(
            f"{urlsplit(self._github).hostname} gave no code to log in with ({reason}): "
            "try again, or check the settings github_url and enterprise_url",
            code=error if isinstance(error, str) else None,
        )

    def _post(self, path: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of the response, {} if it is anything else (HTML, a list)."""
        response = self._client.send(
            "POST", self._github + path, self._headers, orjson.dumps(form), timeout=TIMEOUT
        )
        body = read_whole(response) if response.status_code < 300 else read_error_body(response)
        return response.status_code, read_object(body)


def slower(code: DeviceCode, content: dict[str, Any]) -> DeviceCode:
    """The code with the interval that GitHub asks for, which never gets shorter."""
    asked = positive(content.get("interval")) or 0.0
    return replace(code, interval=asked if asked > code.interval else code.interval + SLOW_DOWN_STEP)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes, {} if there is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def check_token_kind(token: Secret) -> None:
    """Refuse tokens that Copilot never accepts.

    :raises LoginRequired: it is one of them.
    """
    if token.reveal().startswith("ghp_"):
        raise LoginRequired(
            "Copilot does not accept classic personal access tokens (ghp_).  These work: the login of "
            "`copilot-bridge auth` (ghu_), that of an editor or of GitHub's command line (gho_), and a "
            'fine-grained token (github_pat_) with the permission "Copilot Requests"'
        )


def fetch_login(client: HttpClient, headers: Headers, hosts: Hosts, token: Secret) -> str:
    """The user name of a GitHub token's owner.

    :raises LoginRequired: the token is of a kind that Copilot never accepts, or GitHub refuses it.
    """
    check_token_kind(token)
    response = client.send("GET", f"{hosts.api}/user", headers.github(token.reveal()), timeout=TIMEOUT)
    login = read_response(response).get("login")
    if not isinstance(login, str) or not login:
        raise UpstreamRefused("GitHub does not say whose login this is: try again later")
    return login
