"""GitHub's device flow: a code for the user, a poll for the client, and a script for tests."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, current_app, request

from copilot_bridge.simulator.github import support_id
from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.world import world

CLIENT_ID = re.compile(r"^(Iv1\.[0-9a-f]{16}|Iv23li\w+|Ov23li\w+|[0-9a-f]{20})$")
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DOCS = "https://docs.github.com/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow"

RESPONSES = {
    "success": "",
    "authorization_pending": "The authorization request is still pending.",
    "slow_down": "Too many requests have been made in the same timeframe.",
    "expired_token": "This 'device_code' has expired.",
    "access_denied": "The authorization request was denied.",
    "incorrect_device_code": "The device_code provided is not valid.",
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "unsupported_grant_type": "The grant_type is not supported.",
    "device_flow_disabled": "Device Flow must be explicitly enabled for this App.",
    "unverified_user_email": "The user's email address is not verified.",
}
BACK_OFF = 5  # seconds that slow_down adds to the interval


@dataclass(slots=True, kw_only=True)
class Script:
    """The responses that a device code gives, one after the other.

    `timed` is the real rule: a poll that comes too early gets slow_down and uses up no response.
    """

    responses: list[str] = field(default_factory=lambda: ["authorization_pending", "success"])
    interval: int = 1  # seconds
    expires_in: int = 900  # seconds
    token: str | None = None
    timed: bool = True


@dataclass(slots=True)
class Code:
    """One device code, as it is being polled."""

    client_id: str
    script: Script
    interval: int
    born: float = field(default_factory=monotonic)
    polled: float | None = None
    given: int = 0
    redeemed: bool = False

    def next_response(self) -> str:
        now, last = monotonic(), self.polled
        self.polled = now
        if now - self.born >= self.script.expires_in:
            return "expired_token"
        if self.redeemed:
            return "incorrect_device_code"
        if self.script.timed and last is not None and now - last < self.interval:
            return "slow_down"
        response = self.script.responses[min(self.given, len(self.script.responses) - 1)]
        self.given += 1
        return response


class Devices:
    """The codes given out, and the script for the next one."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}
        self._next = Script()

    def script(self, script: Script) -> None:
        self._next = script

    def start(self, client_id: str) -> dict[str, Any]:
        """A new code; the script is used up by it."""
        script, self._next = self._next, Script()
        device_code = secrets.token_hex(20)
        self._codes[device_code] = Code(client_id, script, script.interval)
        return {
            "device_code": device_code,
            "user_code": user_code(),
            "verification_uri": f"{world().origin}/login/device",
            "expires_in": script.expires_in,
            "interval": script.interval,
        }

    def poll(self, fields: Mapping[str, str]) -> dict[str, Any]:
        if fields.get("grant_type") != GRANT:
            return failure("unsupported_grant_type")
        code = self._codes.get(fields.get("device_code", ""))
        if code is None:
            return failure("incorrect_device_code")
        if fields.get("client_id") != code.client_id:
            return failure("incorrect_client_credentials")
        response = code.next_response()
        if response == "success":
            # A scripted success repeats, as the last response of a script does; a real one is redeemed once.
            code.redeemed = code.script.timed
            return success(code.script.token or f"ghu_sim_demo.{secrets.token_hex(8)}")
        if response == "slow_down":
            code.interval += BACK_OFF
            return failure(response) | {"interval": code.interval}
        return failure(response)


def user_code() -> str:
    letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def success(token: str) -> dict[str, Any]:
    """GitHub Apps' tokens come back without scopes, OAuth Apps' with the granted ones."""
    return {
        "access_token": token,
        "token_type": "bearer",
        "scope": "" if token.startswith("ghu_") else "read:user",
    }


def failure(error: str) -> dict[str, Any]:
    return {"error": error, "error_description": RESPONSES[error], "error_uri": DOCS}


def read_script(body: object) -> Script:
    """The script that a test posts: `{"responses", "interval", "expires_in", "token"}`, all optional.

    :raise Refused: unknown fields or responses.
    """
    if not isinstance(body, dict) or body.keys() - {"responses", "interval", "expires_in", "token"}:
        raise Refused(misuse("a device script has responses, interval, expires_in and token"))
    script = Script(timed="responses" not in body, **body)
    if not script.responses or set(script.responses) - RESPONSES.keys():
        raise Refused(misuse(f"the responses of a device code are: {', '.join(RESPONSES)}"))
    return script


bp = Blueprint("device", __name__)


def devices() -> Devices:
    return cast(Devices, current_app.extensions["simulator.devices"])


def fields() -> Mapping[str, str]:
    """The request's parameters: JSON or form, as the client likes."""
    body = request.get_json(silent=True)
    found = body if isinstance(body, dict) else request.form.to_dict()
    return {name: str(value) for name, value in found.items()}


def respond(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON if the client accepts it, else a form: GitHub's own default."""
    headers = {"x-github-request-id": support_id()}
    if "application/json" in request.headers.get("Accept", ""):
        return Response(orjson.dumps(body), status, headers, mimetype="application/json")
    return Response(urlencode(body), status, headers, mimetype="application/x-www-form-urlencoded")


@bp.post("/login/device/code")
def start_device() -> Response:
    client_id = fields().get("client_id", "")
    if not CLIENT_ID.match(client_id):
        return respond({"error": "Not Found"}, 404)
    return respond(devices().start(client_id))


@bp.post("/login/oauth/access_token")
def poll_device() -> Response:
    """Status 200 even for errors: the body decides."""
    return respond(devices().poll(fields()))


@bp.get("/login/device")
def show_device() -> Response:
    return Response(PAGE, mimetype="text/html")


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Device activation (simulated)</title>
<body style="font-family: system-ui, sans-serif; max-width: 32rem; margin: 4rem auto">
<h1>Device activation</h1>
<p>This is the simulator of Copilot Bridge, not GitHub. There is nothing to enter here:
the sign-in succeeds by itself a moment after you opened this page.</p>
</body>
</html>
"""
