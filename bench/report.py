"""What was measured, as rows of a table.

`python -m bench.report FILE` prints that of an earlier run, with `--targets` the rows alone that have one.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BASE, RIVAL, OURS = "direct", "nginx", "bridge"


@dataclass(frozen=True)
class Goal:
    """At most so much, of the value itself or of its ratio to nginx's."""

    maximum: float
    ratio: bool = False

    def __str__(self) -> str:
        return f"≤ {self.maximum:g} × nginx" if self.ratio else f"≤ {self.maximum:g}"  # noqa: RUF001


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
        return None if value is None else value <= self.goal.maximum


def number(value: float | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Row], base: Sequence[Row] = ()) -> str:
    """For a terminal or a Markdown page.

    :param base: the rows of an earlier run; ours of now are compared with ours of then.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    others = [name for name in names if name not in (BASE, RIVAL, OURS)]
    columns = [name for name in (BASE, RIVAL, OURS) if name in names] + others
    compared = ["before", "now / before", "before / nginx"] if base else []
    head = ["scenario", "quantity", *columns, "bridge / nginx", *compared, "target", "reached"]
    then = {(row.scenario, row.quantity): row for row in base}
    lines = [head]
    for row in rows:
        earlier = comparison(row, then.get((row.scenario, row.quantity))) if base else []
        lines.append(cells(row, columns, earlier))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    words = len(head) - 2
    rule = [
        "-" * width if index < 2 or index >= words else "-" * (width - 1) + ":"
        for index, width in enumerate(widths)
    ]
    lines.insert(1, rule)
    return "\n".join("| " + " | ".join(fit(line, widths)) + " |" for line in lines)


def cells(row: Row, columns: Sequence[str], earlier: Sequence[str]) -> list[str]:
    values = [number(row.values.get(name)) for name in columns]
    reached = {None: "", True: "yes", False: "NO"}[row.reached]
    return [
        row.scenario,
        row.quantity,
        *values,
        number(row.ratio()),
        *earlier,
        str(row.goal or ""),
        reached,
    ]


def comparison(row: Row, before: Row | None) -> list[str]:
    """CPU time moves from minute to minute, and nginx's with it: so its ratio is there too."""
    now, then = row.values.get(OURS), before.values.get(OURS) if before else None
    change = now / then if now is not None and then else None
    return [number(then), number(change), number(before.ratio() if before else None)]


def fit(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    last = len(line) - 2
    return [
        cell.ljust(width) if index < 2 or index >= last else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def write_json(path: Path, rows: Sequence[Row], machine: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    report_rows = [asdict(row) | {"ratio_to_nginx": row.ratio(), "reached": row.reached} for row in rows]
    path.write_text(json.dumps({"machine": machine, "rows": report_rows}, indent=2) + "\n")


def read_json(path: Path) -> tuple[list[Row], dict[str, object]]:
    """Raises OSError, ValueError or KeyError: it is no file of ours."""
    content = json.loads(path.read_bytes())
    rows = [
        Row(
            row["scenario"],
            row["quantity"],
            row["values"],
            row["spread"],
            Goal(**row["goal"]) if row["goal"] else None,
        )
        for row in content["rows"]
    ]
    return rows, content["machine"]


def notes(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in machine.items())


def main(path: str, only: str = "") -> None:
    rows, facts = read_json(Path(path))
    print(table([row for row in rows if row.goal or only != "--targets"]), notes(facts), sep="\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
