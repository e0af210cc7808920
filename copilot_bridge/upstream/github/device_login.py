"""How the bridge gets its GitHub login: the device flow, without any words or pages of its own.

Source: docs.github.com, "Authorizing OAuth apps", device flow; RFC 8628.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from copilot_bridge.errors import (
    BridgeError,
    KindName,
    LoginRequired,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.responses import PATIENCE, positive, read_github
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.transport.bodies import read_error_body, read_whole
from copilot_bridge.upstream.transport.http_client import HttpClient

# The app of Copilot's own editor plugins.  Tokens of other apps are refused when they are exchanged.
CLIENT_ID = "Iv1.b507a08c87ecfe98"
SCOPE = "read:user"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# Where GitHub's answer says nothing (RFC 8628, sections 3.2 and 3.5).  Seconds.
USUAL_INTERVAL, USUAL_LIFE, SLOWER_BY = 5.0, 900.0, 5.0
MARGIN = 1.0  # GitHub's clock is not ours: a poll that is early by a hair costs five seconds


@dataclass(frozen=True)
class DeviceCode:
    """What the user has to type where, and what we ask with meanwhile.

    :param interval: seconds between two polls.
    :param expires_at: unix seconds, by our clock.
    """

    user_code: str
    verification_uri: str
    device_code: Secret
    interval: float
    expires_at: float


@dataclass(frozen=True)
class Answer:
    """What one poll brought.

    :param state: "granted", "pending", "slow_down" or "no_answer" (the network or GitHub stumbled).
    :param code: the code to poll with next time: after a slow_down its interval is longer.
    :param token: there if the state is "granted".
    """

    state: str
    code: DeviceCode
    token: Secret | None = None


@dataclass(frozen=True)
class Outcome:
    """What an `error` means.  `state`: go on polling; `says`: it is over, and this is why."""

    state: str = ""
    says: str = ""
    kind: KindName = "authentication"


EXPIRED = "the code has expired: start again"

OUTCOMES = {
    "authorization_pending": Outcome("pending"),
    "slow_down": Outcome("slow_down"),
    "expired_token": Outcome(says=EXPIRED),
    "access_denied": Outcome(says="the login was cancelled on GitHub's page: start again to allow it"),
    "incorrect_device_code": Outcome(says="the code is unknown or was used already: start again"),
    "incorrect_client_credentials": Outcome(
        says="GitHub does not know the app that the bridge logs in with: look at the setting github_url"
    ),
    "unsupported_grant_type": Outcome(says="GitHub does not know this way to log in", kind="internal"),
    "device_flow_disabled": Outcome(
        says="device logins are switched off here: set COPILOT_BRIDGE_GITHUB_TOKEN instead"
    ),
    "unverified_user_email": Outcome(
        says="the e-mail address of this GitHub account is not verified: see github.com/settings/emails"
    ),
}


class DeviceFlow:
    """Login by a code that the user types at GitHub.

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
        """A new code.  Raises BridgeError: GitHub gave none; and network errors."""
        status, content = self._post("/login/device/code", {"client_id": CLIENT_ID, "scope": SCOPE})
        device_code, user_code = content.get("device_code"), content.get("user_code")
        if not isinstance(device_code, str) or not isinstance(user_code, str):
            raise self._no_code(status, content)
        return DeviceCode(
            user_code=user_code,
            verification_uri=str(content.get("verification_uri") or f"{self._github}/login/device"),
            device_code=Secret(device_code),
            interval=positive(content.get("interval")) or USUAL_INTERVAL,
            expires_at=self._clock() + (positive(content.get("expires_in")) or USUAL_LIFE),
        )

    def poll(self, code: DeviceCode) -> Answer:
        """Asks once, without waiting; the caller keeps to `code.interval`.

        :raises BridgeError: it is over; `code` is GitHub's name for the reason, like "expired_token".
        """
        if self._clock() >= code.expires_at:
            raise BridgeError(EXPIRED, kind="authentication", code="expired_token")
        asked = {"client_id": CLIENT_ID, "device_code": code.device_code.reveal(), "grant_type": GRANT}
        try:
            status, content = self._post("/login/oauth/access_token", asked)
        except (UpstreamUnreachable, UpstreamTimeout, UpstreamRefused):
            return Answer("no_answer", code)
        token = content.get("access_token")
        if isinstance(token, str) and token:
            return Answer("granted", code, Secret(token))
        return self._not_yet(code, status, content)

    def wait(self, code: DeviceCode, on_state: Callable[[str], None] = lambda _state: None) -> Secret:
        """The GitHub token, once the user has typed the code.

        :param on_state: told the `state` of each answer.
        :raises BridgeError: as `poll`.
        """
        while True:
            left = code.expires_at - self._clock()
            self._sleep(max(0.0, min(code.interval + MARGIN, left)))
            answer = self.poll(code)
            on_state(answer.state)
            if answer.token:
                return answer.token
            code = answer.code

    def _not_yet(self, code: DeviceCode, status: int, content: dict[str, Any]) -> Answer:
        """No token: whether to go on.  The status of these answers is 200; the body decides."""
        error = content.get("error")
        if not isinstance(error, str):
            if status < 300 or status == 429 or status >= 500:  # a page of GitHub's or of a middlebox
                return Answer("no_answer", code)
            raise BridgeError(f"GitHub refused the login with status {status}: start again")
        outcome = OUTCOMES.get(error)
        if outcome is None:
            reason = content.get("error_description") or error
            raise BridgeError(f"GitHub refused the login: {reason}", kind="authentication", code=error)
        if not outcome.state:
            raise BridgeError(outcome.says, kind=outcome.kind, code=error)
        return Answer(outcome.state, slower(code, content) if outcome.state == "slow_down" else code)

    def _no_code(self, status: int, content: dict[str, Any]) -> BridgeError:
        error = content.get("error")
        if isinstance(error, str) and (outcome := OUTCOMES.get(error)) and outcome.says:
            return BridgeError(outcome.says, kind=outcome.kind, code=error)
        reason = content.get("error_description") or error or f"status {status}"
        return UpstreamRefused(
            f"{urlsplit(self._github).hostname} gave no code to log in with ({reason}): "
            "try again, or look at the settings github_url and enterprise_url",
            code=error if isinstance(error, str) else None,
        )

    def _post(self, path: str, asked: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of the answer, {} if it is anything else (HTML, a list)."""
        response = self._client.send(
            "POST", self._github + path, self._headers, orjson.dumps(asked), timeout=PATIENCE
        )
        body = read_whole(response) if response.status_code < 300 else read_error_body(response)
        return response.status_code, read_object(body)


def slower(code: DeviceCode, content: dict[str, Any]) -> DeviceCode:
    """The interval that GitHub asks for; it never gets shorter, and it stays for all further polls."""
    told = positive(content.get("interval")) or 0.0
    return replace(code, interval=told if told > code.interval else code.interval + SLOWER_BY)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes, {} if there is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def check_kind(token: Secret) -> None:
    """Raises LoginRequired: Copilot never takes such a token."""
    if token.reveal().startswith("ghp_"):
        raise LoginRequired(
            "Copilot does not take classic personal access tokens (ghp_).  These work: the login of "
            "`copilot-bridge auth` (ghu_), that of an editor or of GitHub's command line (gho_), and a "
            'fine-grained token (github_pat_) with the permission "Copilot Requests"'
        )


def whoami(client: HttpClient, headers: Headers, hosts: Hosts, token: Secret) -> str:
    """The user name behind a GitHub token.

    :raises LoginRequired: the token is of a kind that Copilot never takes, or GitHub refuses it.
    """
    check_kind(token)
    response = client.send("GET", f"{hosts.api}/user", headers.github(token.reveal()), timeout=PATIENCE)
    login = read_github(response).get("login")
    if not isinstance(login, str) or not login:
        raise UpstreamRefused("GitHub does not say whose login this is: try again later")
    return login


@dataclass(frozen=True)
class FoundLogin:
    """A login that another Copilot tool left on this machine.  `login`: "" if the file names none."""

    login: str
    token: Secret
    path: Path


LEFT_BY_OTHERS = ("apps.json", "hosts.json")


def found_elsewhere(hosts: Hosts, environ: Mapping[str, str], home: Path) -> list[FoundLogin]:
    """The logins to `hosts.github` that editors keep, each token once.

    Shape of the files: {"github.com:Iv1.b507a08c87ecfe98": {"user": "octocat", "oauth_token": "ghu_…"}}.
    Source: copilot.vim and CopilotChat.nvim.
    """
    paths = [folder / name for folder in editor_folders(environ, home) for name in LEFT_BY_OTHERS]
    found: dict[Secret, FoundLogin] = {}
    for path in paths:
        for login in read_logins(path, urlsplit(hosts.github).hostname or ""):
            found.setdefault(login.token, login)
    return list(found.values())


def editor_folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    config = environ.get("XDG_CONFIG_HOME")
    parents = [Path(config) if config else home / ".config"]
    if local := environ.get("LOCALAPPDATA"):
        parents.append(Path(local))
    return [parent / "github-copilot" for parent in parents]


def read_logins(path: Path, host: str) -> Iterator[FoundLogin]:
    """A file that is not there or not as expected holds no login."""
    # Whole names only: a token for mygithub.com must not be sent to github.com.
    names_host = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", re.IGNORECASE)
    try:
        content = read_object(path.read_bytes())
    except OSError:
        return
    for key, entry in content.items():
        token = entry.get("oauth_token") if isinstance(entry, dict) else None
        if names_host.search(key) and isinstance(token, str) and re.fullmatch(r"[\w.-]+", token, re.ASCII):
            yield FoundLogin(str(entry.get("user") or ""), Secret(token), path)
