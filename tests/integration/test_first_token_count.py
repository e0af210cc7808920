"""Tokens counted on a worker that has counted none yet, and of texts that its tokenizer can't take whole."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.harness import Bridge, Response, Start

COUNT = "/v1/messages/count_tokens"
AT_ONCE = 8


def count(bridge: Bridge, text: str, model: str = "gpt-4o") -> Response:
    body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": text}]}
    return bridge.request("POST", COUNT, body)


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_the_first_counts_come_all_at_once(start_bridge: Start, server: str) -> None:
    bridge = start_bridge(server=server).warm()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(lambda number: count(bridge, f"word {number} " * 100), range(3 * AT_ONCE)))
    assert {response.status for response in responses} == {200}, [
        response.body[:200] for response in responses
    ]
    assert all(100 < response.json["input_tokens"] < 900 for response in responses)


@pytest.mark.parametrize("piece", [" ", "\t", "\u3000"])
def test_a_million_blanks_are_counted(any_bridge: Bridge, piece: str) -> None:
    response = count(any_bridge, piece * 1_000_000)
    assert response.status == 200, response.body[:200]
    assert json.loads(response.body)["input_tokens"] > 1_000
