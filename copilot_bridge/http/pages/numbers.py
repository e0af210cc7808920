"""Numbers as people read them, in the reader's language."""

from copilot_bridge.billing.quota import amount
from copilot_bridge.http.pages.i18n import spoken

# The powers that a language has words for, the largest first.
POWERS = {
    "en": ((1e9, " B"), (1e6, " M"), (1e3, " k")),
    "zh": ((1e8, " 亿"), (1e4, " 万")),
}
SMALLEST_ROUNDED = 10_000
TINY = 0.0001  # US$


def number(value: float | None) -> str:
    """A number in the format of the command line."""
    return amount(value)


def short(value: float | None) -> str:
    """A number with three digits or so: 380 M, 12.3 k, 9,876, 4.2, 0.037."""
    if value and abs(value) < 1:
        return f"{value:.2g}"
    if value is None or abs(value) < SMALLEST_ROUNDED:
        return amount(value if value is None else round(value, 0 if abs(value) >= 100 else 1))
    power, word = next(power for power in POWERS[spoken()] if abs(value) >= power[0])
    scaled = value / power
    return f"{scaled:,.{0 if abs(scaled) >= 100 else 1}f}{word}".replace(f".0{word}", word)


def dollars(value: float | None) -> str:
    """An amount in US$: US$ 607, US$ 12.34, US$ 0.0012, and < US$ 0.0001."""
    if value is None:
        return "?"
    if 0 < abs(value) < TINY:
        return f"< US$ {TINY}"
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 0.01 or not value else 4
    return f"US$ {value:,.{digits}f}"


def size(count: int) -> str:
    """A number of bytes, in kB or MB."""
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def fine(value: float) -> str:
    """A number; a small one with enough digits to differ from 0."""
    return f"{value:,.4g}" if abs(value) < 1 else amount(value)


def seconds(milliseconds: float | None) -> str:
    """A duration in ms or s; "?" for None."""
    if milliseconds is None:
        return "?"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.{2 if milliseconds < 10_000 else 1}f} s"


FILTERS = {
    "number": number,
    "short": short,
    "dollars": dollars,
    "fine": fine,
    "seconds": seconds,
    "size": size,
}
