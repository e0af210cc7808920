"""What was measured, as rows of a table."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BASE, RIVAL, OURS = "direct", "nginx", "bridge"


@dataclass(frozen=True)
class Goal:
    """At most so much, of the value itself or of its ratio to nginx's."""

    most: float
    ratio: bool = False

    def __str__(self) -> str:
        return f"≤ {self.most:g} × nginx" if self.ratio else f"≤ {self.most:g}"  # noqa: RUF001


@dataclass(frozen=True)
class Row:
    """One quantity.  `values`: target -> median; `spread`: target -> every repetition."""

    scenario: str
    quantity: str
    values: Mapping[str, float]
    spread: Mapping[str, Sequence[float]]
    goal: Goal | None = None

    def ratio(self, target: str = OURS) -> float | None:
        """To nginx: the median over the repetitions, each with its neighbour in time."""
        pairs = zip(self.spread.get(target, ()), self.spread.get(RIVAL, ()), strict=False)
        ratios = [ours / rival for ours, rival in pairs if rival > 0]
        return statistics.median(ratios) if ratios else None

    @property
    def reached(self) -> bool | None:
        """None: there is no goal, or nothing to compare with."""
        if self.goal is None or OURS not in self.values:
            return None
        value = self.ratio() if self.goal.ratio else self.values[OURS]
        return None if value is None else value <= self.goal.most


def number(value: float | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Row]) -> str:
    """For a terminal or a Markdown page."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    others = [name for name in names if name not in (BASE, RIVAL, OURS)]
    columns = [name for name in (BASE, RIVAL, OURS) if name in names] + others
    head = ["scenario", "quantity", *columns, "bridge / nginx", "target", "reached"]
    lines = [head, *(cells(row, columns) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    words = len(head) - 2
    rule = [
        "-" * width if place < 2 or place >= words else "-" * (width - 1) + ":"
        for place, width in enumerate(widths)
    ]
    lines.insert(1, rule)
    return "\n".join("| " + " | ".join(fit(line, widths)) + " |" for line in lines)


def cells(row: Row, columns: Sequence[str]) -> list[str]:
    values = [number(row.values.get(name)) for name in columns]
    reached = {None: "", True: "yes", False: "NO"}[row.reached]
    return [row.scenario, row.quantity, *values, number(row.ratio()), str(row.goal or ""), reached]


def fit(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    last = len(line) - 2
    return [
        cell.ljust(width) if place < 2 or place >= last else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def write_json(path: Path, rows: Sequence[Row], machine: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = [asdict(row) | {"ratio_to_nginx": row.ratio(), "reached": row.reached} for row in rows]
    path.write_text(json.dumps({"machine": machine, "rows": told}, indent=2) + "\n")
