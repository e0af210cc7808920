"""The meaning of upstream's errors: status and text -> kind, and whether there is a remedy.

Source: the errors seen from 2024 to 2026.  Their bodies have six forms, and JSON is often labelled
text/plain, so a body is parsed to find out what it is; its Content-Type does not count.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from msgspec import Struct

from copilot_bridge.errors import KindName, UpstreamRefused
from copilot_bridge.waits import retry_after, retry_after_header

# Remedies, each tried once, while the client has not been sent a byte.
RENEW = "renew"  # a new Copilot token, and with it the right host
RETRY = "retry"  # the same request again, after a fault of upstream's

MAX_MESSAGE = 2000  # characters of a message
STALE_SESSION = "Invalid auto-mode selector"

# Statuses that may concern the content of the request; `recovery` knows how to adapt it.
ADAPTABLE = (400, 401, 404, 422)
# Kinds of refusals that no adapted request avoids.
FINAL: tuple[KindName, ...] = ("prompt_too_long", "rate_limited", "model_not_found", "quota")


class ErrorRule(Struct, frozen=True):
    """The meaning of refusals with one of these `statuses`, and a code and message that match `pattern`.


    :param message: the bridge's words instead of upstream's.
    """

    statuses: tuple[int, ...]
    pattern: str
    kind: KindName
    remedy: str | None = None
    message: str | None = None


# The first rule that matches counts.
RULES = (
    # Really a 400: an item of the conversation is at fault, not the token.
    ErrorRule(
        (401,),
        r"input item ID does not belong|encrypted content|item_id did not match",
        "invalid_request",
    ),
    ErrorRule((401,), r"Copilot Requests permission", "permission"),
    ErrorRule((401,), STALE_SESSION, "authentication"),
    ErrorRule((401,), r"", "authentication", RENEW),
    ErrorRule((403,), r"expired_token|invalid_token|token_expired", "authentication", RENEW),
    ErrorRule((421,), r"", "unavailable", RENEW, "this Copilot host does not serve the account's plan"),
    # A rate limit of GitHub's own API, not a refused login.
    ErrorRule((403,), r"\brate[ _-]limit|abuse detection", "rate_limited"),
    ErrorRule((402,), r"", "quota"),
    ErrorRule((400,), r"rate_limited", "rate_limited"),
    ErrorRule((429, 503), r"", "rate_limited"),
    ErrorRule((529,), r"", "overloaded", RETRY),
    ErrorRule(
        (400, 413),
        r"model_max_prompt_tokens_exceeded|prompt token count|prompt is too long|exceeds the context window"
        r"|context_length_exceeded|too large for model context window",
        "prompt_too_long",
    ),
    ErrorRule(
        (400, 404),
        r"model_not_supported|model_not_available_for_integrator|not available for integrator"
        r"|model_not_found",
        "model_not_found",
    ),
    ErrorRule((403,), r"model_not_allowed", "permission"),
    ErrorRule((400,), r"Personal Access Tokens are not supported", "authentication"),
    ErrorRule((400,), r"", "invalid_request"),
    ErrorRule((403,), r"", "permission"),
    ErrorRule((404,), r"Item with id", "invalid_request"),
    ErrorRule((404,), r"", "not_found"),
    ErrorRule((408, 504), r"", "timeout", RETRY),
    ErrorRule((413,), r"", "too_large"),
    ErrorRule(
        (422,), r"extra_forbidden|Extra inputs|extraneous key|Input should be|parameter", "invalid_request"
    ),
    ErrorRule((422,), r"", "content_filter"),
    ErrorRule(
        (466,),
        r"",
        "unavailable",
        None,
        "Copilot wants a newer COPILOT_BRIDGE_EDITOR_VERSION",
    ),
    ErrorRule((499, 500, 502), r"", "unavailable", RETRY),
)

# Kinds of which only the text may say how long to wait.
TIMED: tuple[KindName, ...] = ("rate_limited", "quota", "overloaded")

# Headers of upstream's responses that clients get, too.
FORWARDED = re.compile(
    r"x-github-request-id|x-copilot-service-request-id|retry-after|x-ratelimit-exceeded"
    r"|x-quota-snapshot-.+|x-usage-ratelimit-.+",
    re.IGNORECASE,
)


# Control characters in a header would make a server refuse the response, or disturb a client's terminal.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    # By name, because `items` of urllib3's headers gives fields of one name apart.
    found = {name.lower(): headers[name] for name in headers if is_forwarded(name)}
    return {name: CONTROLS.sub(" ", value).strip() for name, value in found.items()}


@lru_cache(256)  # the same few names come again and again
def is_forwarded(name: str) -> bool:
    return FORWARDED.fullmatch(name) is not None


class Refusal(UpstreamRefused):
    """A response with an error status and its meaning."""

    remedy: str | None = None  # may be tried once
    quotes_request = False  # its message may repeat parts of the request

    @property
    def stale_session(self) -> bool:
        """Return whether the session of the model "auto" has ended, so that a new one is needed."""
        return self.status == 401 and STALE_SESSION in str(self)


def read_refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    message, code, param = read_body(body)
    rule = find_rule(status, f"{code or ''} {message}")
    wait = retry_after(headers, message if rule.kind in TIMED else None)
    passed_on = forwarded(headers) | retry_after_header(wait)
    refusal = Refusal(
        rule.message or message or f"Copilot responded with status {status} and no reason",
        kind=rule.kind,
        code=code,
        param=param,
        status=status,
        headers={name: value for name, value in passed_on.items() if value},
    )
    refusal.remedy = rule.remedy
    refusal.another_model = rule.kind in ("quota", "rate_limited")
    refusal.quotes_request = status in (400, 413, 422)
    refusal.prompt_size = prompt_size(message) if rule.kind == "prompt_too_long" else None
    return refusal


def find_rule(status: int, text: str) -> ErrorRule:
    for rule in RULES:
        if status in rule.statuses and re.search(rule.pattern, text, re.IGNORECASE | re.DOTALL):
            return rule
    return ErrorRule((), "", "invalid_request" if 400 <= status < 500 else "unavailable")


def read_body(body: bytes) -> tuple[str, str | None, str | None]:
    """The message, code and param in a body of any known form; HTML gives no message."""
    try:
        content: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        plain = body.decode("utf-8", "replace").strip()
        return ("" if plain.startswith("<") else plain[:MAX_MESSAGE]), None, None
    if not isinstance(content, dict):
        return str(content or "")[:MAX_MESSAGE], None, None
    detail = content.get("error") or content
    if not isinstance(detail, dict):
        return str(detail)[:MAX_MESSAGE], None, None
    message = detail.get("message") or content.get("message") or ""
    code, param = detail.get("code") or None, detail.get("param") or None
    return str(message)[:MAX_MESSAGE], code and str(code), param and str(param)


def prompt_size(message: str) -> tuple[int, int] | None:
    """Read (tokens, limit) from "prompt token count of 138898 exceeds the limit of 64000" and the like."""
    numbers = [int(number) for number in re.findall(r"\b\d{3,}\b", message)]
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else None
