"""What upstream's errors mean: status and text -> kind, and whether anything can be done about them.

Source: the catalogue of seen errors, 2024 to 2026: six body shapes, JSON often labelled text/plain,
so a body is judged by trying to parse it, never by its Content-Type.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from copilot_bridge.errors import KindName, UpstreamRefused
from copilot_bridge.waits import retry_after, retry_after_header

# What may be tried once, as long as the client has not been sent a byte.
RENEW = "renew"  # a new Copilot token, and with it the right host
RETRY = "retry"  # the same again: upstream stumbled

STALE_SESSION = "Invalid auto-mode selector"

# Statuses that may be about what the request says; what can be done then, `recovery` knows.
MENDABLE = (400, 401, 404, 422)
# Kinds that are about nothing that could be said otherwise.
FINAL = ("prompt_too_long", "rate_limited", "model_not_found", "quota")


@dataclass(frozen=True)
class Row:
    """A kind of refusal.  `told`: a pattern for code and message together; `says`: our words instead."""

    status: tuple[int, ...]
    told: str
    kind: KindName
    remedy: str | None = None
    says: str | None = None


# The first row that fits counts.
ROWS = (
    # In truth a 400: something in the conversation is at fault, and no token.
    Row(
        (401,),
        r"input item ID does not belong|encrypted content|item_id did not match",
        "invalid_request",
    ),
    Row((401,), r"Copilot Requests permission", "permission"),
    Row((401,), STALE_SESSION, "authentication"),
    Row((401,), r"", "authentication", RENEW),
    Row((403,), r"expired_token|invalid_token|token_expired", "authentication", RENEW),
    Row((421,), r"", "unavailable", RENEW, "this Copilot host does not serve the account's plan"),
    # GitHub's own API limits its callers so, which says nothing of who they are.
    Row((403,), r"\brate[ _-]limit|abuse detection", "rate_limited"),
    Row((402,), r"", "quota"),
    Row((400,), r"rate_limited", "rate_limited"),
    Row((429, 503), r"", "rate_limited"),
    Row((529,), r"", "overloaded", RETRY),
    Row(
        (400, 413),
        r"model_max_prompt_tokens_exceeded|prompt token count|prompt is too long|exceeds the context window"
        r"|context_length_exceeded|too large for model context window",
        "prompt_too_long",
    ),
    Row(
        (400, 404),
        r"model_not_supported|model_not_available_for_integrator|not available for integrator"
        r"|model_not_found",
        "model_not_found",
    ),
    Row((403,), r"model_not_allowed", "permission"),
    Row((400,), r"Personal Access Tokens are not supported", "authentication"),
    Row((400,), r"", "invalid_request"),
    Row((403,), r"", "permission"),
    Row((404,), r"Item with id", "invalid_request"),
    Row((404,), r"", "not_found"),
    Row((408, 504), r"", "timeout", RETRY),
    Row((413,), r"", "too_large"),
    Row((422,), r"extra_forbidden|Extra inputs|extraneous key|Input should be|parameter", "invalid_request"),
    Row((422,), r"", "content_filter"),
    Row(
        (466,),
        r"",
        "unavailable",
        None,
        "Copilot wants a newer COPILOT_BRIDGE_EDITOR_VERSION",
    ),
    Row((499, 500, 502), r"", "unavailable", RETRY),
)

# Kinds whose text may be all that says when to come again.
TELLS_TIME = ("rate_limited", "quota", "overloaded")

# Headers of upstream's answers that are worth a client's while.
FORWARDED = re.compile(
    r"x-github-request-id|x-copilot-service-request-id|retry-after|x-ratelimit-exceeded"
    r"|x-quota-snapshot-.+|x-usage-ratelimit-.+",
    re.IGNORECASE,
)


# What no server sends on: it would refuse the whole answer, or hurt a client's terminal.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items() if FORWARDED.fullmatch(name)}
    return {name: CONTROLS.sub(" ", value).strip() for name, value in found.items()}


class Refusal(UpstreamRefused):
    """An answer with an error status, understood.  `remedy`: what may be tried once."""

    remedy: str | None = None
    quotes = False  # its message may repeat what the request said

    @property
    def stale_session(self) -> bool:
        """Of the model "auto": another one has to be asked for."""
        return self.status == 401 and STALE_SESSION in str(self)


def read_refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    message, code, param = read_body(body)
    told = f"{code or ''} {message}"
    fitting = (
        row for row in ROWS if status in row.status and re.search(row.told, told, re.IGNORECASE | re.DOTALL)
    )
    row = next(fitting, Row((), "", "invalid_request" if 400 <= status < 500 else "unavailable"))
    wait = retry_after(headers, message if row.kind in TELLS_TIME else None)
    passed_on = forwarded(headers) | retry_after_header(wait)
    refusal = Refusal(
        row.says or message or f"Copilot answered with status {status} and no reason",
        kind=row.kind,
        code=code,
        param=param,
        status=status,
        headers={name: value for name, value in passed_on.items() if value},
    )
    refusal.remedy = row.remedy
    refusal.quotes = status in (400, 413, 422)
    refusal.size = prompt_size(message) if row.kind == "prompt_too_long" else None
    return refusal


def read_body(body: bytes) -> tuple[str, str | None, str | None]:
    """(message, code, param) of any of the shapes in the wild; HTML gives no message."""
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        plain = body.decode("utf-8", "replace").strip()
        return ("" if plain.startswith("<") else plain[:2000]), None, None
    if not isinstance(told, dict):
        return str(told or "")[:2000], None, None
    detail = told.get("error") or told
    if not isinstance(detail, dict):
        return str(detail)[:2000], None, None
    message = detail.get("message") or told.get("message") or ""
    code, param = detail.get("code") or None, detail.get("param") or None
    return str(message)[:2000], code and str(code), param and str(param)


def prompt_size(message: str) -> tuple[int, int] | None:
    """(tokens, limit) of "prompt token count of 138898 exceeds the limit of 64000" and its like."""
    numbers = [int(number) for number in re.findall(r"\b\d{3,}\b", message)]
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else None
