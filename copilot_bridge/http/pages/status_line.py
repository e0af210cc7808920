"""The line at the top of every page: whether the bridge works, and what to do if it does not.

It puts the condition of the service into words, and adds problems that do not make the service unready: a
used up plan, paused models, and requests that Copilot has just failed.
"""

import time
from collections.abc import Callable, Iterator

from flask import g, url_for
from msgspec import Struct

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.billing.forecast import METERS, metered
from copilot_bridge.billing.periods import unix_time
from copilot_bridge.errors import BridgeError, LoginRequired, StoreError
from copilot_bridge.http.pages import quotas
from copilot_bridge.http.pages.auth import shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.live import part
from copilot_bridge.http.pages.rendering import GLOBALS, render
from copilot_bridge.pipeline import Bridge
from copilot_bridge.status.condition import (
    LOGIN_NEEDED,
    PAUSED,
    STARTING,
    WAITING_FOR_GITHUB,
    WAITING_FOR_STORE,
)
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.upstream.github.accounts import Account

RECENT = 600.0  # seconds; failures before that are no news
FAILING = 3  # so many failures in a row are worth a warning
FAILURES = ("unreachable", "timeout", "unavailable", "overloaded")
SESSION_LIMITS = ("session", "weekly")


class StatusLine(Struct, frozen=True):
    """The state in one line.

    :param state: "working", "starting", or a name of what is wrong, which the tests know it by.
    :param kind: "success", "info", "warning" or "danger".
    :param detail: the words of the refusal.
    :param since, until: unix seconds; 0: unknown.
    :param action: (address, text) of the one button; None: there is nothing to do.
    :param post: the button changes something.
    """

    state: str
    kind: str
    text: str
    detail: str = ""
    since: float = 0.0
    until: float = 0.0
    action: tuple[str, str] | None = None
    post: bool = False


def status_line() -> StatusLine:
    """Return the present state, from memory and the store, without a request to GitHub or Copilot."""
    bridge = shared()
    try:
        account = bridge.account_in_use(LOCAL_OPERATOR)
    except LoginRequired as error:
        return without_login(error)
    except StoreError as error:
        return StatusLine(
            "store", "danger", tr("status.store_failed"), str(error), action=recheck(), post=True
        )
    troubles = (of_condition(bridge), *more(bridge, account))
    return next((line for line in troubles if line), StatusLine("working", "success", tr("status.working")))


def without_login(error: LoginRequired) -> StatusLine:
    return StatusLine("new", "danger", tr("status.nobody"), str(error), action=log_in())


def of_condition(bridge: Bridge) -> StatusLine | None:
    """The condition of the service; None: it is ready."""
    found = bridge.health.status.current
    if found.store:
        text = tr("errors.store_read_only") if found.store == "read only" else tr("errors.store_unreachable")
        return StatusLine("store", "warning", text, tr("errors.served_without_store"), since=found.since)
    describe = CONDITIONS.get(found.state)
    if describe is None or (found.state == STARTING and not bridge.health.running):
        return None
    if found.state == LOGIN_NEEDED and found.kind == "permission":
        describe = no_access
    return describe(found.reason, found.since, found.until)


def starting(_reason: str, since: float, _until: float) -> StatusLine:
    return StatusLine("starting", "info", tr("status.starting"), since=since)


def refused(reason: str, since: float, _until: float) -> StatusLine:
    return StatusLine("refused", "danger", tr("status.login_refused"), reason, since, action=log_in())


def no_access(reason: str, since: float, _until: float) -> StatusLine:
    plans = ("https://github.com/features/copilot/plans", tr("usage.see_plans"))
    return StatusLine("noaccess", "danger", tr("status.no_access"), reason, since, action=plans)


def unreachable(reason: str, since: float, until: float) -> StatusLine:
    return StatusLine(
        "unreachable", "danger", tr("status.github_unreachable"), reason, since, until, recheck(), post=True
    )


def resting(reason: str, since: float, until: float) -> StatusLine:
    return StatusLine("resting", "warning", tr("status.resting"), reason, since, until, limits())


def without_store(reason: str, since: float, until: float) -> StatusLine:
    return StatusLine(
        "store", "danger", tr("status.store_failed"), reason, since, until, recheck(), post=True
    )


CONDITIONS: dict[str, Callable[[str, float, float], StatusLine]] = {
    STARTING: starting,
    LOGIN_NEEDED: refused,
    WAITING_FOR_GITHUB: unreachable,
    WAITING_FOR_STORE: without_store,
    PAUSED: resting,
}


def more(bridge: Bridge, account: Account) -> Iterator[StatusLine | None]:
    """The other problems' lines, the most important first."""
    cooldowns = bridge.rate_limiter.cooldowns.of_account(account.fingerprint)
    yield next(
        (account_rests(cooldown) for cooldown in cooldowns if not cooldown.model and not cooldown.path), None
    )
    yield used_up(bridge, account)
    yield failing(bridge)
    yield models_rest([cooldown for cooldown in cooldowns if cooldown.model or cooldown.path])


def account_rests(cooldown: Cooldown) -> StatusLine:
    return resting(cooldown.message, cooldown.since, cooldown.until)


def used_up(bridge: Bridge, account: Account) -> StatusLine | None:
    """The plan is used up, by GitHub's report or by the last responses."""
    report = quotas.known_report(bridge, account)
    quota = metered(report.usage) if report else None
    samples = bridge.quota_snapshots.shared(account)
    if quota and (quota.percent_remaining or 0) <= 0 and not quota.overage_permitted:
        resets = quota.resets_at
    else:
        found = [samples[name] for name in (*SESSION_LIMITS, *METERS) if name in samples]
        spent = next((quota for quota in found if quota.exhausted and not is_over(quota.resets_at)), None)
        if spent is None:
            return None
        resets = spent.resets_at
    action = (url_for("pages.models.show", q="included"), tr("status.see_included"))
    return StatusLine(
        "usedup", "warning", tr("status.used_up"), until=unix_time(resets) or 0.0, action=action
    )


def is_over(resets_at: str | None) -> bool:
    return (unix_time(resets_at) or float("inf")) < time.time()


def failing(bridge: Bridge) -> StatusLine | None:
    """The last requests have all failed at Copilot."""
    try:
        rows = bridge.store.request_log.latest(FAILING)
    except StoreError:
        return None
    fresh = [row for row in rows if time.time() - row.at < RECENT and has_failed(row)]
    if len(fresh) < FAILING:
        return None
    action = (url_for("pages.requests.show", status="upstream"), tr("status.see_failures"))
    return StatusLine(
        "failing", "danger", tr("status.failing"), rows[0].error or "", rows[-1].at, action=action
    )


def has_failed(row: RequestLogRow) -> bool:
    return row.outcome in FAILURES


def models_rest(cooldowns: list[Cooldown]) -> StatusLine | None:
    if not cooldowns:
        return None
    first = cooldowns[0]
    names = ", ".join(cooldown.what for cooldown in cooldowns)
    text = tr("status.models_rest", names=names)
    return StatusLine("modelrests", "warning", text, first.message, first.since, first.until, limits())


def log_in() -> tuple[str, str]:
    return url_for("pages.device.show"), tr("home.log_in")


def recheck() -> tuple[str, str]:
    return url_for("pages.home.recheck"), tr("status.check_again")


def limits() -> tuple[str, str]:
    return url_for("pages.settings.show", _anchor="resting"), tr("status.see_limits")


def current() -> StatusLine | None:
    """The line of the page that is being made; None: the reader is not signed in, and sees no line."""
    if not g.get("visitor"):
        return None
    if "status_line" not in g:
        try:
            g.status_line = status_line()
        except BridgeError as error:
            g.status_line = StatusLine("store", "danger", tr("status.store_failed"), str(error))
    found: StatusLine = g.status_line
    return found


GLOBALS["status_line"] = current


@part("status")
def status_part() -> str:
    g.pop("status_line", None)
    g.pop("waiting", None)
    return render("_status.html")
