"""OpenTelemetry gets a span and counts of each request, and no text of a prompt."""

import logging
from typing import Any

import pytest

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics import Metrics, telemetry
from copilot_bridge.metrics.telemetry import Telemetry, open_telemetry, wanted

pytest.importorskip("opentelemetry.sdk", reason="the extra [otel] is not installed")

BUDGET = {"scope": "key", "subject": "key:friend", "unit": "requests", "period": "day"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# The variables -> the signals.
VARIABLES: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, ["traces", "metrics"]),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, ["traces"]),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_METRICS_EXPORTER": "none"}, ["traces"]),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, []),
]


@pytest.mark.parametrize(("environ", "signals"), VARIABLES)
def test_the_standard_variables_say_what_is_exported(environ: dict[str, str], signals: list[str]) -> None:
    assert wanted(environ) == signals


def entry_of(**values: Any) -> RequestLogEntry:
    entry = RequestLogEntry("127.0.0.1", "POST", "/v1/messages", dialect="messages", **values)
    entry.note_first_byte()
    return entry


ANSWERED = {
    "model": "claude-opus-5",
    "requested_model": "opus",
    "upstream": "messages",
    "status": 200,
    "tokens_in": 1000,
    "tokens_out": 20,
    "tokens_cached": 900,
    "nano_aiu": 2_500_000_000,
    "session": "a conversation",
    "traceparent": PARENT,
}


def test_a_request_is_a_span_and_counts() -> None:
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    budgets = [BUDGET | {"used": 3, "reserved": 0, "limit": 10}]
    exported = Telemetry(SimpleSpanProcessor(spans), reader, lambda: budgets)
    exported.record(entry_of(**ANSWERED))
    exported.record(
        entry_of(model="gpt-5", requested_model="gpt-5", outcome="quota", error="what was said", status=429)
    )
    answered, refused = spans.get_finished_spans()
    assert answered.name == "chat claude-opus-5"
    assert answered.parent
    assert f"{answered.parent.span_id:x}" == PARENT.split("-")[2]
    found = dict(answered.attributes or {})
    assert found["gen_ai.request.model"] == "opus"
    assert found["gen_ai.response.model"] == "claude-opus-5"
    assert found["gen_ai.usage.cache_read.input_tokens"] == 900
    assert found["copilot_bridge.cost.ai_units"] == 2.5
    assert not refused.status.is_ok
    assert "what was said" not in f"{refused.to_json()}{answered.to_json()}"
    assert answered.resource.attributes["service.name"] == "copilot-bridge"
    data = reader.get_metrics_data()
    assert data
    (scope,) = data.resource_metrics[0].scope_metrics
    metrics = {metric.name: [*metric.data.data_points] for metric in scope.metrics}
    assert sorted(metrics) == [
        "copilot_bridge.budget.limit",
        "copilot_bridge.budget.reserved",
        "copilot_bridge.budget.used",
        "copilot_bridge.cost",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    ]
    (used,) = metrics["copilot_bridge.budget.used"]
    assert (used.value, dict(used.attributes)) == (3, BUDGET)
    assert sum(point.sum for point in metrics["gen_ai.client.token.usage"]) == 1020


def test_missing_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.setattr(telemetry, "PACKAGES", ("no_such_package.sdk",))
    with caplog.at_level(logging.WARNING):
        assert open_telemetry(list) is None
    assert "copilot-bridge[otel]" in caplog.text
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_telemetry(list) is None


def test_prometheus_gets_the_budgets() -> None:
    budgets = [BUDGET | {"used": 3, "reserved": 0.5, "limit": 10, "subject": None, "scope": "all"}]
    text = Metrics().text(budgets).decode()
    labels = '{period="day",scope="all",subject="",unit="requests"}'
    assert f"copilot_bridge_budget_used{labels} 3.0" in text
    assert f"copilot_bridge_budget_reserved{labels} 0.5" in text
    assert "copilot_bridge_budget_used{" not in Metrics().text().decode()
