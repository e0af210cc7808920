"""Writes the request log as a file, in pieces, so that its length does not matter."""

import csv
import io
import time
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from copilot_bridge.store.logged_request import COLUMNS, RequestLogRow, values_in_order

ROWS_PER_PIECE = 200

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # beginnings of formulas

Rows = Iterable[RequestLogRow]

# The names of columns until version 0.2 -> the present ones; programs may still read them.
FORMER_NAMES = {"mended": "adaptations"}


def as_csv(rows: Rows) -> Iterator[bytes]:
    """The rows as CSV with a header.  The first column is `at` as a readable time, in UTC."""
    yield csv_lines([("time", *COLUMNS, *FORMER_NAMES)])
    for piece in pieces_of(rows):
        yield csv_lines([stamp(row.at), *map(cell, as_fields(row).values())] for row in piece)


def as_json(rows: Rows) -> Iterator[bytes]:
    """The rows as a JSON array, with a line for each row."""
    before = b"[\n"
    for piece in pieces_of(rows):
        yield before + b",\n".join(orjson.dumps(as_fields(row)) for row in piece)
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


def as_fields(row: RequestLogRow) -> dict[str, Any]:
    """A row by the names of its columns, the former ones included."""
    fields = dict(zip(COLUMNS, values_in_order(row), strict=True))
    return fields | {former: fields[name] for former, name in FORMER_NAMES.items()}


def pieces_of(rows: Rows) -> Iterator[list[RequestLogRow]]:
    piece = []
    for row in rows:
        piece.append(row)
        if len(piece) == ROWS_PER_PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def cell(value: object) -> object:
    """The value for a cell.  A text that a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
