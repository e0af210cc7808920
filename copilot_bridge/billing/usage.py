"""The usage of the plan: the sums of requests, and the days that they belong to."""

import time
from collections.abc import Iterable
from typing import Any

from copilot_bridge.billing.hourly_rollups import SUM_COLUMNS

DAY = 86_400

FRACTIONS = ("premium", "cost")  # of SUM_COLUMNS

Sums = dict[str, Any]
"""A number for each of SUM_COLUMNS.

`premium`, `cost` (AI units) and `nano_aiu` (1e-9 AI units) are None where nothing is known of them;
`estimated` is the number of requests whose cost Copilot has not stated.
"""


def named_sums(values: Iterable[Any]) -> Sums:
    """The sums by name.  :param values: of SUM_COLUMNS; PostgreSQL sums up integers as decimals."""
    return {
        name: value if value is None else float(value) if name in FRACTIONS else int(value)
        for name, value in zip(SUM_COLUMNS, values, strict=True)
    }


def name_of_day(start: int, offset: int) -> str:
    """The date of the day that begins at `start`: "2026-11-21".  :param offset: minutes east of Greenwich."""
    return time.strftime("%Y-%m-%d", time.gmtime(start + offset * 60))


def midnight(at: float, offset: int) -> int:
    """The beginning of a moment's day, in unix seconds.  :param offset: of the time zone, as above."""
    return (int(at) + offset * 60) // DAY * DAY - offset * 60
