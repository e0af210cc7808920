"""Computes the shapes of charts in SVG.  The stylesheet has their colours."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

WIDTH, HEIGHT = 100.0, 100.0  # of the view box
GAP = 0.22  # the part of a bar's step that stays empty
SEAM = 0.5  # the space between two pieces of a bar

STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
MAX_LABELS = 7


class Piece(Struct, frozen=True):
    """A part of a bar.  `colour`: of the series."""

    y: float
    height: float
    colour: int


class Bar(Struct, frozen=True):
    """A bar. :param key: the time or name that it shows.

    :param parts: (series, value), the largest first.
    """

    key: int
    total: float
    x: float
    width: float
    pieces: tuple[Piece, ...]
    parts: tuple[tuple[str, float], ...]
    labelled: bool = False


class Chart(Struct, frozen=True):
    """A bar chart.  :param top: the value at the upper edge.  :param series: (name, total, colour)."""

    bars: tuple[Bar, ...]
    top: float
    series: tuple[tuple[str, float, int], ...]
    total: float = field(default=0.0)


class Spark(Struct, frozen=True):
    """A small chart of requests by the hour.

    :param bars: of each hour (x, width, y, height, height of the errors, start, requests, errors).
    """

    bars: tuple[tuple[float, float, float, float, float, int, int, int], ...]
    top: int
    total: int


def stacked(keys: Sequence[int], values: Sequence[Mapping[str, float]], colours: Mapping[str, int]) -> Chart:
    """A chart of stacked bars.

    :param keys: of the bars.  :param values: of each bar, {series: value}.  :param colours: {series: number}.
    """
    totals: dict[str, float] = {}
    for parts in values:
        for name, value in parts.items():
            totals[name] = totals.get(name, 0.0) + value
    order = sorted((name for name in totals if totals[name] > 0), key=lambda name: (-totals[name], name))
    sums = [sum(parts.values()) for parts in values]
    top = nice(max(sums, default=0.0))
    step = WIDTH / max(len(keys), 1)
    every = -(-len(keys) // MAX_LABELS)
    bars = tuple(
        Bar(
            key,
            total,
            round(index * step + step * GAP / 2, 3),
            round(step * (1 - GAP), 3),
            tuple(pieces(parts, order, colours, top)),
            tuple(sorted(((n, v) for n, v in parts.items() if v > 0), key=lambda part: -part[1])),
            (len(keys) - 1 - index) % every == 0,
        )
        for index, (key, parts, total) in enumerate(zip(keys, values, sums, strict=True))
    )
    return Chart(bars, top, tuple((name, totals[name], colours.get(name, 0)) for name in order), sum(sums))


def pieces(
    parts: Mapping[str, float], order: Sequence[str], colours: Mapping[str, int], top: float
) -> Iterator[Piece]:
    """The pieces of a bar from the bottom up, in the order of the whole chart."""
    bottom = HEIGHT
    for name in order:
        height = parts.get(name, 0.0) / top * HEIGHT
        if height > 0:
            bottom -= height
            shown = height - SEAM if height > 3 * SEAM else height
            yield Piece(round(bottom + height - shown, 3), round(shown, 3), colours.get(name, 0))


def sparkline(starts: Sequence[int], requests: Sequence[int], errors: Sequence[int]) -> Spark:
    """Make a small chart.  :param starts: of the hours, one more than there are bars."""
    top = max(*requests, 1)
    step = WIDTH / len(requests)
    bars = tuple(
        (
            round(index * step + step * 0.1, 2),
            round(step * 0.8, 2),
            round(HEIGHT - HEIGHT * number / top, 2),
            round(HEIGHT * number / top, 2),
            round(HEIGHT * wrong / top, 2),
            starts[index],
            number,
            wrong,
        )
        for index, (number, wrong) in enumerate(zip(requests, errors, strict=True))
    )
    return Spark(bars, top, sum(requests))


def nice(value: float) -> float:
    """The next round number that is not smaller; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** len(str(int(value))) / 10 if value >= 1 else 0.01
    while power * 10 < value:
        power *= 10
    return next(step * power for step in STEPS if step * power >= value * 0.999999)
