"""One log line for each request, without any secret."""

import json
import re

import pytest
from integration.harness import Bridge, Json, Simulator, Start, new_token

USUAL = {"time", "level", "event", "id", "caller", "method", "path", "status", "ms", "outcome"}
OF_A_MODEL = USUAL | {"dialect", "model", "first_byte_ms", "tokens_in", "tokens_out", "session"}


def line_of(bridge: Bridge, headers: dict[str, str] | Json) -> Json:
    return bridge.logged(headers["x-request-id"])


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5"])
def test_a_stream_is_logged_with_its_usage(any_bridge: Bridge, model: str) -> None:
    stream = any_bridge.stream("hello", model, stream_options={"include_usage": True})
    usage = stream.all()[-2].json["usage"]
    line = line_of(any_bridge, stream.headers)
    assert line.keys() == OF_A_MODEL
    assert (line["event"], line["level"], line["caller"]) == ("request.done", "info", "127.0.0.1")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert (line["dialect"], line["model"], line["outcome"]) == ("chat", model, "ok")
    assert (line["tokens_in"], line["tokens_out"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert 0 <= line["first_byte_ms"] <= line["ms"] < 5000


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5"])
def test_a_whole_response_is_logged_with_its_usage(any_bridge: Bridge, model: str) -> None:
    response = any_bridge.chat("hello", model)
    line = line_of(any_bridge, dict(response.headers))
    assert line.keys() == OF_A_MODEL
    assert line["tokens_out"] == response.json["usage"]["completion_tokens"]


def test_usage_is_logged_though_the_client_did_not_request_it(any_bridge: Bridge) -> None:
    stream = any_bridge.stream("hello")
    assert stream.all()
    assert line_of(any_bridge, stream.headers)["tokens_out"] > 0


def test_the_time_to_the_first_byte_is_logged(any_bridge: Bridge) -> None:
    stream = any_bridge.stream("[[sim:slow-body seconds=0.3]][[sim:flood events=3 size=10 gap=100]]")
    assert stream.all()
    line = line_of(any_bridge, stream.headers)
    assert 290 <= line["first_byte_ms"] < 600
    assert line["ms"] >= line["first_byte_ms"] + 150


def test_each_request_has_one_line(start_bridge: Start) -> None:
    for server in ("gunicorn", "gevent"):
        bridge = start_bridge(server=server)
        ids = [bridge.chat("hello").headers["x-request-id"] for _ in range(3)]
        ids.append(bridge.request("GET", "/nothing").headers["x-request-id"])
        ids.append(bridge.request("GET", "/v1/models").headers["x-request-id"])
        for id_ in ids:
            bridge.logged(id_)
        lines = [json.loads(line) for line in bridge.log.all()]
        assert [line["id"] for line in lines if line["event"] == "request.done"] == ids
        assert [line for line in lines if line["event"] != "request.done"] == []


def test_health_checks_are_not_logged(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent")
    bridge.request("GET", "/healthz")
    bridge.request("GET", "/readyz")
    bridge.logged(bridge.request("GET", "/").headers["x-request-id"])
    assert len(bridge.log.all()) == 1


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_higher_log_level_silences_requests(start_bridge: Start, level: str) -> None:
    bridge = start_bridge(server="gevent", log_level=level)
    bridge.chat("hello")
    bridge.stop()
    assert bridge.log.all() == []


def test_a_forged_line_stays_in_its_line(bridge: Bridge, mark: str) -> None:
    path = f"/{mark}%0A%7B%22event%22:%22request.done%22%7D%1B%5B31m"
    response = bridge.request("GET", path)
    assert response.status == 404
    assert mark in line_of(bridge, dict(response.headers))["path"]
    assert all(json.loads(line) for line in bridge.log.all())
    assert not [line for line in bridge.log.all() if "\x1b" in line]


@pytest.mark.parametrize(("server", "debug"), [("gunicorn", "1"), ("gevent", "0")])
def test_no_line_has_a_secret(
    start_bridge: Start, simulator: Simulator, mark: str, server: str, debug: str
) -> None:
    """Neither GitHub's token nor Copilot's nor the client's, in whatever happens; nor what was said."""
    bridge = start_bridge(server=server, debug=debug, log_level="debug")
    key = f"sk-{new_token()}"
    prompt = f"prompt{mark}"
    client = {"Authorization": f"Bearer {key}", "X-Api-Key": key}
    for directive in (
        "",
        "[[sim:think]]",
        "[[sim:refuse name=forbidden]]",
        "[[sim:refuse name=expired-token]]",
    ):
        text = f"{directive} {prompt}"
        body = {
            "model": "claude-sonnet-4.5",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 50,
        }
        bridge.request("POST", "/v1/chat/completions", body, client)
    bridge.receive_stream(f"[[sim:cut-in-frame after=3]] {prompt} and more words")
    bridge.stream(f"[[sim:slow-headers seconds=9]] {prompt}").leave()
    bridge.receive_stream("hello", "auto")
    bridge.request("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": prompt})
    bridge.request("POST", "/v1/chat/completions", b'{"model": ' + prompt.encode(), client)
    bridge.request("GET", f"/v1/models?api_key={key}", headers=client)
    simulator.expire(bridge.github_token)
    assert bridge.chat(prompt).status in (200, 401)
    bearers = {entry["headers"]["authorization"].split()[1] for entry in simulator.ledger(prompt)}
    sessions = [entry["headers"].get("copilot-session-token") for entry in simulator.ledger(path="/chat")]
    bridge.stop()
    log = "".join(bridge.log.all())
    assert "request.done" in log
    assert len(bearers) >= 2
    for secret in (bridge.github_token, key, *bearers, *filter(None, sessions)):
        assert secret not in log
        assert secret.split(";")[0] not in log
        assert secret[-24:] not in log
    assert prompt not in log
    assert "EqQBCkYIBhgC" not in log, "the signature of a thought"
    assert not re.search(r"\bgh[ou]_sim", log)
    if debug == "1":
        assert '"level":"debug"' in log
