"""The outcomes of requests in the reader's language, and advice on each."""

from flask import url_for
from msgspec import Struct

from copilot_bridge.billing.hourly_rollups import SUCCESSES
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.store.log_filter import GROUPS
from copilot_bridge.store.logged_request import RequestLogRow


def outcome_badge(row: RequestLogRow) -> tuple[str, str]:
    """The badge for the outcome of a request, as (kind, text)."""
    outcome = row.outcome or ""
    if outcome == "ok":
        return "success", tr("requests.ok")
    if outcome in SUCCESSES:
        return "", tr("requests.outcome_client_left")
    kind = "warning" if outcome in (*GROUPS["client"], *GROUPS["limit"]) else "danger"
    return kind, outcome_name(outcome)


def outcome_name(outcome: str) -> str:
    names = {
        "invalid_request": tr("requests.outcome_invalid"),
        "unsupported": tr("requests.outcome_unsupported"),
        "prompt_too_long": tr("requests.outcome_prompt_too_long"),
        "content_filter": tr("requests.outcome_content_filter"),
        "model_not_found": tr("requests.outcome_no_such_model"),
        "permission": tr("requests.outcome_forbidden"),
        "too_large": tr("requests.outcome_too_large"),
        "quota": tr("requests.outcome_quota"),
        "rate_limited": tr("requests.outcome_rate_limited"),
        "overloaded": tr("requests.outcome_overloaded"),
        "unavailable": tr("requests.outcome_copilot_failed"),
        "unreachable": tr("requests.outcome_unreachable"),
        "timeout": tr("requests.outcome_timeout"),
        "authentication": tr("requests.outcome_login_refused"),
        "stream_cut": tr("requests.outcome_interrupted"),
        "interrupted": tr("requests.outcome_bridge_stopped"),
        "internal": tr("requests.outcome_internal"),
    }
    return names.get(outcome, outcome.replace("_", " "))


class Advice(Struct, frozen=True):
    """A way on.  :param link: (address, text), or None."""

    text: str
    link: tuple[str, str] | None = None


def advice(row: RequestLogRow) -> Advice | None:
    """Return advice on the outcome of a request; None: it succeeded."""
    outcome = row.outcome or ""
    if outcome == "ok":
        return None
    texts = {
        "client_disconnected": tr("advice.client_left"),
        "invalid_request": tr("advice.invalid"),
        "unsupported": tr("advice.unsupported"),
        "prompt_too_long": tr("advice.prompt_too_long"),
        "content_filter": tr("advice.content_filter"),
        "model_not_found": tr("advice.no_such_model"),
        "permission": tr("advice.forbidden"),
        "too_large": tr("advice.too_large"),
        "quota": tr("advice.quota"),
        "rate_limited": tr("advice.rate_limited"),
        "overloaded": tr("advice.overloaded"),
        "unavailable": tr("advice.copilot_failed"),
        "unreachable": tr("advice.unreachable"),
        "timeout": tr("advice.timeout"),
        "authentication": tr("advice.login_refused"),
        "stream_cut": tr("advice.stream_cut"),
        "interrupted": tr("advice.bridge_stopped"),
        "internal": tr("advice.internal"),
    }
    return Advice(texts[outcome], link_of(outcome)) if outcome in texts else None


def link_of(outcome: str) -> tuple[str, str] | None:
    models = (url_for("pages.models.show"), tr("advice.choose_model"))
    limits = (url_for("pages.settings.show", _anchor="resting"), tr("status.see_limits"))
    links = {
        "invalid_request": (url_for("pages.docs.show"), tr("advice.see_docs")),
        "unsupported": (url_for("pages.docs.show"), tr("advice.see_docs")),
        "prompt_too_long": models,
        "model_not_found": models,
        "permission": (url_for("pages.keys.show"), tr("advice.see_keys")),
        "quota": (url_for("pages.usage.show"), tr("advice.see_usage")),
        "rate_limited": limits,
        "overloaded": models,
        "unavailable": models,
        "authentication": (url_for("pages.device.show"), tr("home.log_in")),
    }
    return links.get(outcome)
