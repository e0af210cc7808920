"""The periods for which budgets hold: a day, a week, a month, or the plan's own month.  All are in UTC."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

DAY, WEEK, MONTH, BILLING = "day", "week", "month", "period"
NAMES = (DAY, WEEK, MONTH, BILLING)


class Period(Struct, frozen=True):
    """A period from `start` to `end`, in unix seconds, the latter excluded."""

    start: int
    end: int


def period_at(name: str, now: float, reset: float | None = None) -> Period:
    """The period that a moment belongs to.

    :param name: one of NAMES; a week begins on Monday.
    :param reset: a reset of the plan's allowance, unix seconds; without one its month is the calendar's.
    """
    moment = datetime.fromtimestamp(now, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == DAY:
        return between(midnight, midnight + timedelta(days=1))
    if name == WEEK:
        monday = midnight - timedelta(days=midnight.weekday())
        return between(monday, monday + timedelta(days=7))
    if name == BILLING and reset is not None:
        return billing_period(moment, datetime.fromtimestamp(reset, UTC))
    first = midnight.replace(day=1)
    return between(first, month_later(first, 1))


def billing_period(moment: datetime, reset: datetime) -> Period:
    """The month, from reset to reset, that a moment belongs to; a reset may lie in the past."""
    months = (moment.year - reset.year) * 12 + moment.month - reset.month
    start = next(begin for ahead in (1, 0, -1) if (begin := month_later(reset, months + ahead)) <= moment)
    ahead = (start.year - reset.year) * 12 + start.month - reset.month + 1
    return between(start, month_later(reset, ahead))


def month_later(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the last one of a month that is too short."""
    number = moment.year * 12 + moment.month - 1 + months
    year, month = number // 12, number % 12 + 1
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    last = (following - timedelta(days=1)).day
    return moment.replace(year=year, month=month, day=min(moment.day, last))


def between(start: datetime, end: datetime) -> Period:
    return Period(int(start.timestamp()), int(end.timestamp()))


def unix_time(text: str | None) -> float | None:
    """A timestamp or a date in ISO 8601 as unix seconds; None: it is neither."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
