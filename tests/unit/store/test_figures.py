"""Sums over the request log."""

import pytest

from copilot_bridge.store import open_store
from copilot_bridge.store.figures import Figures
from copilot_bridge.store.journal import COLUMNS


def row(number, at, **values):
    return tuple({"id": str(number), "at": at, "outcome": "ok", **values}.get(name) for name in COLUMNS)


def test_sums(tmp_path):
    store = open_store(tmp_path)
    try:
        assert store.figures.since(0) == Figures(0, 0, 0, 0.0, None)
        store.requests.write(
            [
                row(1, 10.0, tokens_in=5, tokens_out=7, cost=0.5),
                row(2, 20.0, tokens_in=1, cost=0.25),
                row(3, 30.0, outcome="timeout"),
                row(4, 40.0, outcome="client gone"),
                row(5, 50.0, outcome="cut"),
            ]
        )
        assert store.figures.since(0) == Figures(5, 2, 13, pytest.approx(0.75), 50.0)
        assert store.figures.since(20.0) == Figures(4, 2, 1, 0.25, 50.0)
    finally:
        store.close()
