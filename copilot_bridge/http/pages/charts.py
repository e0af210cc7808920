"""Computes the shapes of a bar chart in SVG.  The stylesheet has its colours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 100.0, 100.0  # of the view box
GAP = 0.28  # the part of a bar's step that stays empty
OTHERS = 6  # the colour that all smaller series share

STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Piece:
    """A part of a bar.  `series`: its colour, 0 for the largest series."""

    y: float
    height: float
    series: int


@dataclass(frozen=True)
class Bar:
    label: str
    total: float
    x: float
    width: float
    pieces: tuple[Piece, ...]
    parts: tuple[tuple[str, float], ...]  # (name, value), the largest first


@dataclass(frozen=True)
class Chart:
    """A bar chart.  :param top: the value at the upper edge.  :param series: (name, total, colour)."""

    bars: tuple[Bar, ...]
    top: float
    series: tuple[tuple[str, float, int], ...]
    total: float = field(default=0.0)

    @property
    def labels(self) -> tuple[str, str, str]:
        """The labels of the first bar, the middle one and the last one."""
        return self.bars[0].label, self.bars[len(self.bars) // 2].label, self.bars[-1].label


def stacked(labels: Sequence[str], values: Mapping[str, Mapping[str, float]]) -> Chart:
    """A chart of stacked bars.  :param labels: of the bars.  :param values: {label: {series: value}}."""
    totals: dict[str, float] = {}
    for parts in values.values():
        for name, value in parts.items():
            totals[name] = totals.get(name, 0.0) + value
    order = sorted((name for name in totals if totals[name] > 0), key=lambda name: (-totals[name], name))
    colours = {name: min(index, OTHERS) for index, name in enumerate(order)}
    sums = [sum(values.get(label, {}).values()) for label in labels]
    top = nice(max(sums, default=0.0))
    step = WIDTH / max(len(labels), 1)
    bars = tuple(
        Bar(
            label,
            total,
            round(index * step + step * GAP / 2, 3),
            round(step * (1 - GAP), 3),
            tuple(pieces(values.get(label, {}), colours, top)),
            tuple(
                sorted(((n, v) for n, v in values.get(label, {}).items() if v > 0), key=lambda part: -part[1])
            ),
        )
        for index, (label, total) in enumerate(zip(labels, sums, strict=True))
    )
    return Chart(bars, top, tuple((name, totals[name], colours[name]) for name in order), sum(sums))


def pieces(parts: Mapping[str, float], colours: Mapping[str, int], top: float) -> Iterator[Piece]:
    """The pieces of a bar from the bottom up, the largest series first; those that share a colour are one."""
    heights: dict[int, float] = {}
    for name, value in parts.items():
        if value > 0:
            heights[colours[name]] = heights.get(colours[name], 0.0) + value / top * HEIGHT
    bottom = HEIGHT
    for colour, height in sorted(heights.items()):
        bottom -= height
        yield Piece(round(bottom, 3), round(height, 3), colour)


def nice(value: float) -> float:
    """The next round number that is not smaller; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** len(str(int(value))) / 10 if value >= 1 else 0.01
    while power * 10 < value:
        power *= 10
    return next(step * power for step in STEPS if step * power >= value * 0.999999)
