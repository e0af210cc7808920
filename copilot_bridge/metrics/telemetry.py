"""Traces and metrics for OpenTelemetry, by its names for generative AI.

It is an extra: `pip install 'copilot-bridge[otel]'`, and the standard variables, such as
OTEL_EXPORTER_OTLP_ENDPOINT, say where they go.  Spans have names and numbers, and nothing that was said.

Source: OpenTelemetry's semantic conventions for generative AI, 1.41.
"""

import importlib.util
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from copilot_bridge import __version__
from copilot_bridge.logs.entry import RequestLogEntry

log = logging.getLogger(__name__)

PROVIDER = "github"  # as Copilot's own clients say
NAME = "copilot-bridge"

ENDPOINTS = {
    "traces": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    "metrics": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
}
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")

# The client's dialect -> the operation; all others are conversations.
OPERATIONS = {"completions": "text_completion", "embeddings": "embeddings"}
SUCCESSES = ("ok", "client_disconnected")

# The bounds that the conventions ask for.
DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4**power for power in range(14))

# Attribute of a span -> the field of the log entry; None is left out.
ATTRIBUTES = {
    "gen_ai.request.model": "requested_model",
    "gen_ai.request.stream": "streamed",
    "gen_ai.conversation.id": "session",
    "gen_ai.usage.input_tokens": "tokens_in",
    "gen_ai.usage.output_tokens": "tokens_out",
    "gen_ai.usage.cache_read.input_tokens": "tokens_cached",
    "gen_ai.usage.cache_creation.input_tokens": "tokens_written",
    "gen_ai.usage.reasoning.output_tokens": "tokens_reasoning",
    "http.response.status_code": "status",
    "copilot_bridge.request.id": "id",
    "copilot_bridge.key": "caller_id",
    "copilot_bridge.account": "account",
    "copilot_bridge.client": "client",
    "copilot_bridge.dialect": "dialect",
    "copilot_bridge.upstream": "upstream",
    "copilot_bridge.initiator": "initiator",
    "copilot_bridge.cost.ai_units": "cost",
    "copilot_bridge.cost.estimated": "estimated",
    "copilot_bridge.cost.premium_requests": "premium",
    "copilot_bridge.fallback.instead_of": "instead_of",
}

Budgets = Callable[[], Iterable[Mapping[str, Any]]]
"""Reads the standings of the budgets, as `Standing.as_fields` has them."""


def wanted(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The signals that the standard variables ask for: "traces", "metrics"."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    return [
        signal
        for signal, variables in ENDPOINTS.items()
        if any(environ.get(name) for name in variables)
        and environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp") != "none"
    ]


def open_telemetry(budgets: Budgets) -> "Telemetry | None":
    """Start to export what the standard variables ask for; None: nothing, or the packages are missing."""
    signals = wanted()
    if not signals:
        return None
    try:
        missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    except ModuleNotFoundError:
        missing = [*PACKAGES]
    if missing:
        log.warning(
            "OpenTelemetry's variables are set, but its packages are missing: "
            "pip install 'copilot-bridge[otel]'"
        )
        return None
    return exporting(signals, budgets)


def exporting(signals: Iterable[str], budgets: Budgets) -> "Telemetry":
    """Export by OTLP over HTTP; the exporters read the other standard variables."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    processor = BatchSpanProcessor(OTLPSpanExporter()) if "traces" in signals else None
    reader = PeriodicExportingMetricReader(OTLPMetricExporter()) if "metrics" in signals else None
    return Telemetry(processor, reader, budgets)


class Telemetry:
    """Makes a span and counts for each finished request.  No request waits for any of it.

    :param processor: of spans; None: there are none.  :param reader: of metrics; None: there are none.
    """

    def __init__(self, processor: Any, reader: Any, budgets: Budgets) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider

        # The variables name the service, if the operator wants another name.
        named = Resource({"service.name": NAME, "service.instance.id": str(uuid.uuid4())})
        resource = named.merge(OTELResourceDetector().detect()).merge(
            Resource({"service.version": __version__})
        )
        self._tracer = None
        if processor is not None:
            traces = TracerProvider(resource=resource)
            traces.add_span_processor(processor)
            self._tracer = traces.get_tracer(NAME, __version__)
        self._meters = None
        if reader is not None:
            metrics = MeterProvider([reader], resource)
            self._meters = Instruments(metrics.get_meter(NAME, __version__), budgets)

    def record(self, entry: RequestLogEntry) -> None:
        """Record a request that has ended."""
        labels = labels_of(entry)
        if self._tracer is not None:
            self._add_span(entry, labels)
        if self._meters is not None:
            self._meters.count(entry, labels)

    def _add_span(self, entry: RequestLogEntry, labels: dict[str, str]) -> None:
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        assert self._tracer is not None
        parent = TraceContextTextMapPropagator().extract({"traceparent": entry.traceparent or ""})
        began = round(entry.at * 1e9)
        span = self._tracer.start_span(
            f"{labels['gen_ai.operation.name']} {entry.model or entry.requested_model or ''}".rstrip(),
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=labels | attributes_of(entry),
            start_time=began,
        )
        if entry.outcome not in SUCCESSES:
            span.set_status(StatusCode.ERROR, entry.outcome)
        span.end(began + round(entry.elapsed() * 1e9))


class Instruments:
    """The instruments of the metrics."""

    def __init__(self, meter: Any, budgets: Budgets) -> None:
        def histogram(name: str, unit: str, text: str, bounds: tuple[float, ...]) -> Any:
            return meter.create_histogram(
                name, unit, text, explicit_bucket_boundaries_advisory=[*map(float, bounds)]
            )

        self._tokens = histogram("gen_ai.client.token.usage", "{token}", "Tokens of a request.", TOKENS)
        self._duration = histogram(
            "gen_ai.client.operation.duration", "s", "Duration of a request.", DURATIONS
        )
        self._first = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first byte.", DURATIONS
        )
        self._cost = meter.create_counter("copilot_bridge.cost", "{ai_unit}", "Cost of the responses.")
        self._budgets = budgets
        for name in ("used", "reserved", "limit"):
            meter.create_observable_gauge(
                f"copilot_bridge.budget.{name}", [lambda _options, name=name: self._standings(name)]
            )

    def _standings(self, name: str) -> Iterator[Any]:
        from opentelemetry.metrics import Observation

        for fields in self._budgets():
            yield Observation(fields[name], budget_labels(fields))

    def count(self, entry: RequestLogEntry, labels: dict[str, str]) -> None:
        for kind, number in (("input", entry.tokens_in), ("output", entry.tokens_out)):
            if number is not None:
                self._tokens.record(number, labels | {"gen_ai.token.type": kind})
        self._duration.record(entry.elapsed(), labels)
        if entry.first_byte_at is not None:
            self._first.record(entry.first_byte_at - entry.started, labels)
        if entry.cost:
            self._cost.add(entry.cost, labels)


def labels_of(entry: RequestLogEntry) -> dict[str, str]:
    """The attributes of few values, which the metrics have, too."""
    model = entry.model if entry.upstream and entry.model else "other"
    labels = {
        "gen_ai.operation.name": OPERATIONS.get(entry.dialect or "", "chat"),
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
    }
    return labels if entry.outcome in SUCCESSES else labels | {"error.type": entry.outcome}


def attributes_of(entry: RequestLogEntry) -> dict[str, Any]:
    found = {name: getattr(entry, field) for name, field in ATTRIBUTES.items()}
    if entry.response_model:
        found["gen_ai.response.model"] = entry.response_model
    if entry.first_byte_at is not None:
        found["gen_ai.response.time_to_first_chunk"] = entry.first_byte_at - entry.started
    return {name: value for name, value in found.items() if value is not None}


def budget_labels(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(fields[name] or "") for name in ("scope", "subject", "unit", "period")}
