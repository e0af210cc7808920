"""GitHub's own API: the JSON of its responses, and the meaning of its refusals for a user of Copilot."""

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from copilot_bridge.errors import BridgeError, LoginRequired, UpstreamRefused
from copilot_bridge.upstream.error_mapping import read_body
from copilot_bridge.upstream.transport.bodies import read_error_body, read_whole
from copilot_bridge.waits import retry_after, retry_after_header

# Seconds between two bytes: GitHub's API responds at once or not at all.
TIMEOUT = 30.0


def read_response(response: requests.Response) -> dict[str, Any]:
    """The JSON object of a response.

    :raises BridgeError: GitHub refused; the message says why.
    """
    body = read_whole(response) if response.status_code < 300 else read_error_body(response)
    if response.status_code >= 300:
        raise refusal(response.status_code, response.headers, body)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused("GitHub's response is not JSON") from error
    if not isinstance(content, dict):
        raise UpstreamRefused("GitHub's response is not a JSON object")
    return content


# error_details.notification_id of a refused token exchange -> what the user can do.
NOTICES = {
    "not_signed_up": "this GitHub account has no Copilot plan",
    "no_copilot_access": "this GitHub account has no Copilot plan",
    "subscription_ended": "the Copilot plan of this account has ended",
    "expired_coupon": "the Copilot plan of this account has ended",
    "revoked_coupon": "the Copilot plan of this account has ended",
    "enterprise_managed_user_account": "your enterprise has to give this account a Copilot seat",
    "feature_flag_blocked": "GitHub has switched Copilot off for this account",
    "spammy_user": "GitHub has blocked Copilot for this account: contact GitHub support",
    "access_revoked": "GitHub has blocked Copilot for this account: contact GitHub support",
    "billing_locked": "there is a problem with this account's payment: see github.com/settings/billing",
    "trade_restricted": "GitHub does not offer Copilot in this account's country",
    "trade_restricted_country": "GitHub does not offer Copilot in this account's country",
    "snippy_not_configured": "first choose how Copilot treats public code: github.com/settings/copilot",
    "codespaces_demo_inactive": "the Copilot demo of this account is over",
    "go_http_client": "GitHub considers these token requests automated: wait a while, then try again",
    "programmatic_token_generation": "GitHub considers these token requests automated: wait, then try again",
    "server_error": "GitHub had a problem of its own: try again",
}


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> BridgeError:
    """The meaning of an error of api.github.com, in words that say what the user can do."""
    message, _, _ = read_body(body)
    if status == 401:
        return LoginRequired("GitHub does not accept this login (bad credentials): run `copilot-bridge auth`")
    if status == 429 or (status == 403 and "rate limit" in message.lower()):
        return UpstreamRefused(
            "GitHub's rate limit is used up: wait, the login itself is fine",
            kind="rate_limited",
            headers=retry_after_header(retry_after(headers, message)),
        )
    if notice := read_notice(body):
        return UpstreamRefused(notice, kind="permission", status=status)
    if status == 403:
        return UpstreamRefused(
            f"GitHub does not let this token use Copilot ({message or 'forbidden'}): "
            "log in with `copilot-bridge auth`",
            kind="permission",
        )
    if status == 404:
        return UpstreamRefused(
            "GitHub hides Copilot from this token: it comes from another app, or there is no Copilot plan; "
            "log in with `copilot-bridge auth`",
            kind="permission",
        )
    return UpstreamRefused(
        f"GitHub responded with status {status}: try again later",
        status=status,
        headers=retry_after_header(retry_after(headers)),
    )


def read_notice(body: bytes) -> str | None:
    """The words for {"error_details": {"notification_id", "message", "url"}}; None for other bodies."""
    try:
        details = orjson.loads(body).get("error_details")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if not isinstance(details, dict):
        return None
    advice = NOTICES.get(str(details.get("notification_id")))
    parts = [advice, details.get("message"), str(details.get("url") or "").replace("{EDITOR}", "vscode")]
    return " - ".join(str(part) for part in parts if part) or None


def positive(value: object) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
    )
