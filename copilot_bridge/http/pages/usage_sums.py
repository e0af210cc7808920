"""Sums of usage for the usage page: by name, as series of a chart, and as the values of a metric."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.usage import Sums

PREMIUM, UNITS, USD, TOKENS, REQUESTS = "premium", "units", "usd", "tokens", "requests"
METRICS = (PREMIUM, UNITS, USD, TOKENS, REQUESTS)
SUMMED = (
    *("requests", "errors", "premium", "nano_aiu", "nano_cents", "estimated"),
    *("tokens_in", "tokens_out", "tokens_cached", "tokens_written"),
)
MAX_SERIES, MAX_ROWS = 8, 50
ROUNDING = 1e-9  # of sums of fractions
VALUES: dict[str, Callable[[Sums], float]] = {
    PREMIUM: lambda sums: sums["premium"] or 0.0,
    UNITS: lambda sums: (sums["nano_aiu"] or 0) / NANO,
    USD: lambda sums: sums["nano_cents"] / (100 * NANO),
    TOKENS: lambda sums: sums["tokens_in"] + sums["tokens_out"],
    REQUESTS: lambda sums: sums["requests"],
}


def value_of(sums: Sums, name: str) -> float:
    """The value of a metric: premium requests, AI units, US$ at list price, tokens, requests."""
    return VALUES[name](sums)


def sort_value(sums: Sums, name: str) -> float:
    if name == "cached":
        return (sums["tokens_cached"] or 0) / sums["tokens_in"] if sums["tokens_in"] else 0.0
    return float(VALUES[name](sums) if name in VALUES else sums[name] or 0)


def summed(rows: Iterable[Sums]) -> Sums:
    """The sums of the rows; None where no row has a value."""
    listed = list(rows)
    known = {name: [row[name] for row in listed if row[name] is not None] for name in SUMMED}
    zero = {"premium": None, "nano_aiu": None}
    return {name: sum(values) if values else zero.get(name, 0) for name, values in known.items()}


def whole_of(spans: Iterable[Mapping[Any, Sums]]) -> dict[str, Sums]:
    """The sums of all spans, by name."""
    parts: dict[str, list[Sums]] = {}
    for span in spans:
        for (name,), sums in span.items():
            parts.setdefault(str(name), []).append(sums)
    return {name: counts[0] if len(counts) == 1 else summed(counts) for name, counts in parts.items()}


def series_of(spans: Sequence[Mapping[Any, Sums]], shown: str) -> list[str]:
    """The names of the largest series."""
    totals: dict[str, float] = {}
    read = VALUES[shown]
    for span in spans:
        for (name,), sums in span.items():
            totals[name] = totals.get(name, 0.0) + read(sums)
    return sorted(totals, key=lambda name: (-totals[name], name))[:MAX_SERIES]


def merged(
    spans: Iterable[Mapping[Any, Sums]],
    series: Sequence[str],
    shown: str,
    wholes: Iterable[Mapping[Any, Sums]],
    others: str,
) -> list[dict[str, float]]:
    """The values of each bar, and the remainder of its sum under the name `others`."""
    found = []
    read, largest = VALUES[shown], {*series}
    for span, whole in zip(spans, wholes, strict=True):
        bar = {name: read(sums) for (name,), sums in span.items() if name in largest}
        rest = sum(map(read, whole.values())) - sum(bar.values())
        if rest > ROUNDING:
            bar[others] = rest
        found.append(bar)
    return found


def has_value(total: Sums, name: str) -> bool:
    """Return whether a metric has a value: a plan has premium requests or AI units, seldom both."""
    return name in (TOKENS, REQUESTS) or value_of(total, name) > 0


def change(now: float, before: float) -> int | None:
    """The change in per cent; None: there is nothing to compare with."""
    return round(100 * (now - before) / before) if before and now / before < 20 else None
