"""Writes the request log as a file, in pieces, so that its length does not matter."""

import csv
import io
import time
from collections.abc import Iterable, Iterator

import orjson

from copilot_bridge.store.request_log import COLUMNS, RequestLogRow, values_in_order

ROWS_PER_PIECE = 200

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # beginnings of formulas

Rows = Iterable[RequestLogRow]


def as_csv(rows: Rows) -> Iterator[bytes]:
    """The rows as CSV with a header.  The first column is `at` as a readable time, in UTC."""
    yield csv_lines([("time", *COLUMNS)])
    for piece in pieces_of(rows):
        yield csv_lines([stamp(row.at), *map(cell, values_in_order(row))] for row in piece)


def as_json(rows: Rows) -> Iterator[bytes]:
    """The rows as a JSON array, with a line for each row."""
    before = b"[\n"
    for piece in pieces_of(rows):
        yield before + b",\n".join(map(orjson.dumps, piece))
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


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
