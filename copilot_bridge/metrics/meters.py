"""The meters: counters, histograms and gauges of prometheus_client."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from copilot_bridge import __version__
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics.worker_files import collect, merge_ended, preallocate

# Upper bounds of the histograms, in seconds.
FIRST_BYTE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0)
REQUEST_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

TOKEN_KINDS = ("in", "out", "cached", "reasoning")

OTHER_MODEL = "other"  # the label of models that Copilot does not have
MAX_ACCOUNTS = 64  # accounts whose quotas are shown
MAX_BUDGETS = 200  # that are shown: each conversation may have one
BUDGET_LABELS = ("scope", "subject", "unit", "period")
BUDGET_FIELDS = {
    "used": "What is used of a budget in this period.",
    "reserved": "What is reserved for requests under way.",
    "limit": "The size of a budget.",
}


class QuotaSnapshot(Protocol):
    @property
    def percent_remaining(self) -> float: ...


class MeterRow(Struct, frozen=True):
    """A row of the table of meters.

    :param name: for Prometheus, without the prefix.  :param about: its help.
    """

    type: Literal["counter", "gauge", "histogram"]
    name: str
    about: str
    labels: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


METERS = {
    "requests": MeterRow(
        "counter", "requests", "Requests to a model.", ("dialect", "model", "upstream", "status", "outcome")
    ),
    "first_byte": MeterRow(
        "histogram",
        "first_byte_seconds",
        "Time until the first byte of the response.",
        ("model",),
        {"buckets": FIRST_BYTE_BUCKETS},
    ),
    "whole": MeterRow(
        "histogram",
        "request_seconds",
        "Time until the last byte of the response.",
        ("model",),
        {"buckets": REQUEST_BUCKETS},
    ),
    "tokens": MeterRow("counter", "tokens", "Tokens, as Copilot counts them.", ("model", "kind")),
    "cost": MeterRow(
        "counter", "cost_ai_units", "The cost that Copilot states, else an estimate.", ("model",)
    ),
    "errors": MeterRow("counter", "upstream_errors", "Errors of Copilot and of the network.", ("kind",)),
    "token_refreshes": MeterRow("counter", "token_refreshes", "Exchanges for a Copilot token.", ("outcome",)),
    "connections": MeterRow(
        "counter", "upstream_connections", "New connections to GitHub and Copilot.", ("host", "opened")
    ),
    "websocket_turns": MeterRow(
        "counter",
        "upstream_websocket_turns",
        "Requests of conversations that a WebSocket could carry, by what became of it.",
        ("way",),
    ),
    "websocket_sent": MeterRow(
        "counter", "upstream_websocket_sent_bytes", "Bytes of requests over WebSockets to Copilot."
    ),
    "websocket_spared": MeterRow(
        "counter", "upstream_websocket_spared_bytes", "Bytes that HTTP would have sent besides."
    ),
    "websockets": MeterRow(
        "gauge",
        "upstream_websockets_open",
        "WebSockets to Copilot.",
        options={"multiprocess_mode": "livesum"},
    ),
    "quota_left": MeterRow(
        "gauge",
        "quota_left_percent",
        "The remaining part of a quota.",
        ("account", "quota"),
        {"multiprocess_mode": "mostrecent"},
    ),
    "streams": MeterRow(
        "gauge", "streams_open", "Streams that are open.", options={"multiprocess_mode": "livesum"}
    ),
}


class Meters:
    """The meters of this process.

    :param folder: for the files of all workers; None: there is one process.

    :raises OSError:
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        if self._folder:
            preallocate(self._folder)
            merge_ended(self._folder)
        # Imported here, because it reads the environment when it is imported.
        from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, values

        if self._folder:  # or it would ask the system for the process id at each count
            pid = os.getpid()
            values.ValueClass = values.MultiProcessValue(lambda: pid)  # type: ignore[no-untyped-call]
        disable_created_metrics()  # type: ignore[no-untyped-call,unused-ignore]
        classes = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
        self._meters: dict[str, Any] = {
            name: classes[row.type](
                f"copilot_bridge_{row.name}", row.about, row.labels, registry=None, **row.options
            )
            for name, row in METERS.items()
        }
        self.open_streams = self._meters["streams"]
        self.open_websockets = self._meters["websockets"]
        # The library takes longer to find a labelled meter than to count.
        self.child = lru_cache(4096)(self._child)
        self._request_meters = lru_cache(4096)(self._find_request_meters)
        self._quotas: dict[tuple[str, str], float] = {}
        self._accounts: set[str] = set()

    def _find_request_meters(
        self, dialect: str | None, model: str, upstream: str | None, status: int | None, outcome: str
    ) -> tuple[Any, Any, Any, tuple[Any, ...], Any]:
        """The functions that count a request with these labels."""
        labels = (dialect or "none", model, upstream or "none", str(status), outcome)
        return (
            self.child("requests", *labels).inc,
            self.child("first_byte", model).observe,
            self.child("whole", model).observe,
            tuple(self.child("tokens", model, kind).inc for kind in TOKEN_KINDS),
            self.child("cost", model).inc,
        )

    def _child(self, name: str, *labels: str) -> Any:
        meter = self._meters[name]
        return meter.labels(*labels) if labels else meter

    def count_request(
        self, entry: RequestLogEntry, errors: Iterable[str], quotas: Mapping[str, QuotaSnapshot]
    ) -> None:
        model = entry.model if entry.upstream and entry.model else OTHER_MODEL
        count, first_byte, whole, tokens, cost = self._request_meters(
            entry.dialect, model, entry.upstream, entry.status, entry.outcome
        )
        count()
        whole(time.perf_counter() - entry.started)
        if entry.first_byte_at is not None:
            first_byte(entry.first_byte_at - entry.started)
        for add, number in zip(
            tokens,
            (entry.tokens_in, entry.tokens_out, entry.tokens_cached, entry.tokens_reasoning),
            strict=True,
        ):
            if number:
                add(number)
        if entry.cost:
            cost(entry.cost)
        for kind in errors:
            self.child("errors", kind).inc()
        if quotas:
            self._set_quotas(entry.account or "", quotas)

    def _set_quotas(self, account: str, quotas: Mapping[str, QuotaSnapshot]) -> None:
        if account not in self._accounts:
            if len(self._accounts) >= MAX_ACCOUNTS:
                return  # callers may bring any number of accounts
            self._accounts.add(account)
        for name, snapshot in quotas.items():
            if self._quotas.get((account, name)) != snapshot.percent_remaining:
                self._quotas[account, name] = snapshot.percent_remaining
                self.child("quota_left", account, name).set(snapshot.percent_remaining)

    def text(self, budgets: Iterable[Mapping[str, Any]] = ()) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.metrics_core import GaugeMetricFamily

        registry = CollectorRegistry(auto_describe=False)
        build = GaugeMetricFamily("copilot_bridge_build_info", "The running version.", labels=["version"])
        build.add_metric([__version__], 1)
        registry.register(Collector(lambda: [build, *budget_gauges(budgets)]))
        registry.register(Collector(self._collect))
        return bytes(generate_latest(registry))

    def _collect(self) -> Iterator[Any]:
        if self._folder is None:
            for meter in self._meters.values():
                yield from meter.collect()
            return
        yield from collect(self._folder)


def budget_gauges(budgets: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The gauges of the budgets, in their units."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    gauges = {
        name: GaugeMetricFamily(f"copilot_bridge_budget_{name}", text, labels=BUDGET_LABELS)
        for name, text in BUDGET_FIELDS.items()
    }
    for fields in islice(budgets, MAX_BUDGETS):
        labels = [str(fields[label] or "") for label in BUDGET_LABELS]
        for name, gauge in gauges.items():
            gauge.add_metric(labels, fields[name])
    return [*gauges.values()]


class Collector:
    """A collector in the form that a registry of prometheus_client takes."""

    def __init__(self, collect: Callable[[], Iterable[Any]]) -> None:
        self.collect = collect
