"""The bench's upstream and its clients, through sockets: a figure is worthless if a response was wrong."""

import json
import os
import ssl
import sys
import threading
import time
from functools import partial
from http.client import HTTPSConnection

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the bench needs Linux", allow_module_level=True)

from bench import processes
from bench.arena import Arena, Scale, directive
from bench.load import Load, Response, WrongResponseError
from bench.processes import BUNDLE, HERE, ProcessGroup, cpu_time
from bench.report import OURS
from bench.scenarios.crowds import tell
from bench.scenarios.translated import FIRST_BYTE, GROWTH, TRANSLATED, translated
from bench.scripts import ENDPOINTS, MODELS, SHAPES, SURFACES, filler
from bench.surfaces import ask, body_of, chat, check_stream, check_whole, get, read_events

SIZE = 40


@pytest.fixture(scope="module")
def group():
    with ProcessGroup() as group:
        yield group


@pytest.fixture(scope="module")
def upstream(group):
    with group.upstream() as server:
        yield server


def body_of_request(shape, events):
    request = ask(SURFACES[shape], directive(events, SIZE, shape=shape), model=MODELS[shape])
    return request.partition(b"\r\n\r\n")[2]


def stream(upstream, shape, events, **paced):
    request = ask(SURFACES[shape], directive(events, SIZE, shape=shape, **paced), model=MODELS[shape])
    return Load(upstream.address, request).run()[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stream_flat_out_is_whole(shape, upstream):
    found = check_stream(stream(upstream, shape, 50), 50, SIZE, surface=SURFACES[shape])
    assert {event.text for event in found} == {filler(SIZE)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_paced_stream_bears_the_times_of_sending(shape, upstream):
    before = time.monotonic_ns()
    response = stream(upstream, shape, 10, gap=0.002, batch=4)
    found = check_stream(response, 10, SIZE, surface=SURFACES[shape], stamped=True)
    stamps = [event.stamp for event in found]
    assert before < stamps[0] <= stamps[-1] < time.monotonic_ns()
    assert sorted(stamps) == stamps
    assert all(event.stamp < event.at for event in found)
    assert stamps[8] - stamps[3] > 1_000_000  # ns: four at a time, a beat between them


def test_responses_repeats_everything_at_the_end(upstream):
    raw = stream(upstream, "responses", 30).raw
    last = json.loads(body_of(raw)[0].strip().rpartition(b"data: ")[2])
    assert last["response"]["output"][0]["content"][0]["text"] == filler(SIZE) * 30


def test_responses_over_tls_are_the_same(group, upstream):
    certificate = group.certificate()
    if certificate is None:
        pytest.skip("openssl makes the certificate")
    context = ssl.create_default_context(cafile=certificate.with_name(BUNDLE))
    with group.upstream(certificate) as secure:
        line = HTTPSConnection(*secure.address, context=context, timeout=10)
        line.request("POST", "/chat/completions", body_of_request("clean", 2000))
        with line.getresponse() as response:
            body = response.read()
        line.close()
    assert body == body_of(stream(upstream, "clean", 2000).raw)[0]


def given(raw: bytes) -> Response:
    response = Response(0)
    response.feed(1, raw)
    return response


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("harm", ["lost", "altered", "repeated", "cut"])
def test_a_wrong_response_is_noticed(shape, harm, upstream):
    raw = stream(upstream, shape, 3).raw
    check = partial(check_stream, events=3, size=SIZE, surface=SURFACES[shape])
    check(given(raw))
    head, _, _ = raw.partition(b"\r\n\r\n")
    payload, words = body_of(raw)[0], filler(SIZE).encode()
    event = next(block for block in payload.split(b"\n\n") if words in block) + b"\n\n"
    harmed = {
        "lost": payload.replace(event, b"", 1),
        "altered": payload.replace(words, words[::-1], 1),
        "repeated": payload.replace(event, event * 2, 1),
        "cut": payload[:-3],
    }[harm]
    plain = head.replace(b"transfer-encoding: chunked", b"content-length: %d" % len(harmed))
    with pytest.raises(WrongResponseError):
        check(given(plain + b"\r\n\r\n" + harmed))


def test_a_refusal_is_no_response():
    with pytest.raises(WrongResponseError, match="not a 200"):
        list(read_events(given(b"HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n")))


def test_a_whole_response_is_checked_to_the_byte(upstream):
    response = Load(upstream.address, chat(directive(1, 400))).run()[0]
    check_whole(response, 400)
    with pytest.raises(WrongResponseError):
        check_whole(response, 401)


def test_the_benchs_upstream_lists_a_model_for_each_api(upstream):
    listed = json.loads(body_of(Load(upstream.address, get("/models")).run()[0].raw)[0])["data"]
    endpoints = {model["id"]: model["supported_endpoints"] for model in listed}
    for shape in SHAPES:
        assert endpoints[MODELS[shape]] == [ENDPOINTS[SURFACES[shape]]]


def test_upstream_counts_connections_and_departed_clients(upstream):
    before = tell(upstream)
    request = chat(directive(2, SIZE, gap=3600), stream=True)
    load = Load(upstream.address, request, lines=5)
    load.marks = [(0.05, load.hang_up)]
    assert load.run() == []
    until = time.monotonic() + 5
    while len(tell(upstream)["left"]) < len(before["left"]) + 5 and time.monotonic() < until:
        time.sleep(0.002)
    after = tell(upstream)
    assert after["accepted"] == before["accepted"] + 5
    assert after["open"] == before["open"]
    departed = after["left"][len(before["left"]) :]
    assert len(departed) == 5
    assert all(load.hung_up < at < load.hung_up + 1e9 for at in departed)


def test_a_client_that_reads_to_the_end_is_not_counted_as_departed(upstream):
    before = tell(upstream)["left"]
    stream(upstream, "clean", 3, gap=0.001)
    assert tell(upstream)["left"] == before


def test_cpu_time_of_ended_threads_is_counted():
    def work():
        while time.thread_time() < 0.05:
            pass

    before = cpu_time(os.getpid())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert cpu_time(os.getpid()) - before >= 0.05e9


def test_a_bridge_is_measured_in_all_nine_cells(group, upstream, monkeypatch):
    """By a clock that always goes: a virtual machine may count no CPU time at all for so few events."""
    monkeypatch.setattr(processes, "cpu_time", lambda _pid: time.monotonic_ns())
    scale = Scale(repetitions=1, flood=20, floods=1, growth=20, firsts=2)
    arena = Arena(group, upstream, {OURS: HERE}, scale, countable=False, with_nginx=False)
    rows = {(row.scenario, row.quantity): row for row in translated(arena)}
    scenarios = {scenario for scenario, _ in rows}
    assert len(scenarios) == 9
    for scenario in scenarios:
        expected = {GROWTH, FIRST_BYTE} | (set() if scenario.endswith("passed through") else {TRANSLATED})
        measured = {quantity: rows[scenario, quantity].values[OURS] for quantity in expected}
        assert min(measured.values()) > 0, measured
