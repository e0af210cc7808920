"""What is counted, and how it is told."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from copilot_bridge import __version__
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics.files import all_read, fold, make_room

FIRST_BYTE = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0)  # s
WHOLE = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)  # s

TOKENS = ("in", "out", "cached", "reasoning")

OTHER = "other"  # a model that Copilot does not have, and accounts beyond so many
MOST_ACCOUNTS = 64


class Left(Protocol):
    @property
    def percent_remaining(self) -> float: ...


class Meters:
    """:param folder: for all workers; None: this is the only one.  Raises OSError."""

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        if self._folder:
            make_room(self._folder)
            fold(self._folder)
        # Now, for it looks at the environment when it is imported.
        from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, values

        if self._folder:  # by itself it would ask the system for our number at each count
            number = os.getpid()
            values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
        disable_created_metrics()  # type: ignore[no-untyped-call,unused-ignore]

        def named(name: str, about: str, *labels: str, **more: Any) -> dict[str, Any]:
            told = {"name": f"copilot_bridge_{name}", "documentation": about, "labelnames": labels}
            return {**told, "registry": None, **more}

        self._all: dict[str, Any] = {
            "requests": Counter(
                **named("requests", "Answered.", "dialect", "model", "upstream", "status", "outcome")
            ),
            "first_byte": Histogram(
                **named("first_byte_seconds", "Until the first byte.", "model", buckets=FIRST_BYTE)
            ),
            "whole": Histogram(**named("request_seconds", "Until the last byte.", "model", buckets=WHOLE)),
            "tokens": Counter(**named("tokens", "As Copilot counts them.", "model", "kind")),
            "cost": Counter(**named("cost_ai_units", "As Copilot tells it.", "model")),
            "errors": Counter(**named("upstream_errors", "Of Copilot and the network.", "kind")),
            "tokens_fetched": Counter(**named("token_refreshes", "Copilot tokens.", "outcome")),
            "left": Gauge(
                **named(
                    "quota_left_percent", "Of a quota.", "account", "quota", multiprocess_mode="mostrecent"
                )
            ),
            "streams": Gauge(**named("streams_open", "Under way.", multiprocess_mode="livesum")),
        }
        self.streams = self._all["streams"]
        # The library's own way there takes longer than the count itself.
        self.child = lru_cache(4096)(self._child)
        self._of = lru_cache(4096)(self._find)
        self._left: dict[tuple[str, str], float] = {}
        self._accounts: set[str] = set()

    def _find(
        self, dialect: str | None, model: str, upstream: str | None, status: int | None, outcome: str
    ) -> tuple[Any, Any, Any, tuple[Any, ...], Any]:
        """What counts a request of this kind."""
        labels = (dialect or "none", model, upstream or "none", str(status), outcome)
        return (
            self.child("requests", *labels).inc,
            self.child("first_byte", model).observe,
            self.child("whole", model).observe,
            tuple(self.child("tokens", model, kind).inc for kind in TOKENS),
            self.child("cost", model).inc,
        )

    def _child(self, name: str, *labels: str) -> Any:
        return self._all[name].labels(*labels)

    def done(self, record: RequestLogEntry, errors: Iterable[str], left: Mapping[str, Left]) -> None:
        model = record.model if record.upstream and record.model else OTHER
        count, first_byte, whole, tokens, cost = self._of(
            record.dialect, model, record.upstream, record.status, record.outcome
        )
        count()
        whole(time.perf_counter() - record.started)
        if record.first_byte_at is not None:
            first_byte(record.first_byte_at - record.started)
        for add, number in zip(
            tokens,
            (record.tokens_in, record.tokens_out, record.tokens_cached, record.tokens_reasoning),
            strict=True,
        ):
            if number:
                add(number)
        if record.cost:
            cost(record.cost)
        for kind in errors:
            self.child("errors", kind).inc()
        if left:
            self._tell_quota(record.account or "", left)

    def _tell_quota(self, account: str, left: Mapping[str, Left]) -> None:
        if account not in self._accounts:
            if len(self._accounts) >= MOST_ACCOUNTS:
                return  # strangers may bring accounts without end
            self._accounts.add(account)
        for name, snapshot in left.items():
            if self._left.get((account, name)) != snapshot.percent_remaining:
                self._left[account, name] = snapshot.percent_remaining
                self.child("left", account, name).set(snapshot.percent_remaining)

    def text(self) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.metrics_core import GaugeMetricFamily

        registry = CollectorRegistry(auto_describe=False)
        told = GaugeMetricFamily("copilot_bridge_build_info", "What runs here.", labels=["version"])
        told.add_metric([__version__], 1)
        registry.register(Collected(lambda: [told]))
        registry.register(Collected(self._collect))
        return bytes(generate_latest(registry))

    def _collect(self) -> Iterator[Any]:
        if self._folder is None:
            for meter in self._all.values():
                yield from meter.collect()
            return
        yield from all_read(self._folder)


class Collected:
    """What a registry takes for a collector."""

    def __init__(self, collect: Callable[[], Iterable[Any]]) -> None:
        self.collect = collect
