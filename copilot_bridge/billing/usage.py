"""The usage of the plan: the sums of requests, and the days that they belong to."""

import time
from collections.abc import Iterable
from typing import Any

from copilot_bridge.billing.hourly_rollups import SUM_COLUMNS

DAY = 86_400

Sums = dict[str, Any]
"""{"requests", "errors", "premium", "tokens_in", "tokens_out", "tokens_cached", "cost"}.

`premium` and `cost` (AI units) are None where nothing is known of them.
"""


def named_sums(values: Iterable[Any]) -> Sums:
    """The sums by name.  :param values: of SUM_COLUMNS; PostgreSQL sums up integers as decimals."""
    return {
        name: value if value is None else float(value) if name in ("premium", "cost") else int(value)
        for name, value in zip(SUM_COLUMNS, values, strict=True)
    }


def name_of_day(start: int, offset: int) -> str:
    """The date of the day that begins at `start`: "2026-11-21".  :param offset: minutes east of Greenwich."""
    return time.strftime("%Y-%m-%d", time.gmtime(start + offset * 60))


def midnight(at: float, offset: int) -> int:
    """The beginning of a moment's day, in unix seconds.  :param offset: of the time zone, as above."""
    return (int(at) + offset * 60) // DAY * DAY - offset * 60
