"""The request log as a file, in pieces, however long it is."""

import csv
import io
import time
from collections.abc import Iterable, Iterator

import orjson

from copilot_bridge.store.request_log import COLUMNS, RequestLogRow, values_in_order

PIECE = 200  # rows

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run

Rows = Iterable[RequestLogRow]


def as_csv(rows: Rows) -> Iterator[bytes]:
    """With a header; the first column is `at` for people, in UTC."""
    yield csv_lines([("time", *COLUMNS)])
    for piece in pieces_of(rows):
        yield csv_lines([stamp(row.at), *map(cell, values_in_order(row))] for row in piece)


def as_json(rows: Rows) -> Iterator[bytes]:
    """An array, with a line for each row."""
    before = b"[\n"
    for piece in pieces_of(rows):
        yield before + b",\n".join(map(orjson.dumps, piece))
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


def pieces_of(rows: Rows) -> Iterator[list[RequestLogRow]]:
    piece = []
    for row in rows:
        piece.append(row)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is told to be one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
