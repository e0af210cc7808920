"""Tokens counted on a worker that has counted none yet, and of texts that its tokenizer can't take whole."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.harness import Answer, Bridge, Start

COUNT = "/v1/messages/count_tokens"
AT_ONCE = 8


def count(bridge: Bridge, text: str, model: str = "gpt-4o") -> Answer:
    body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": text}]}
    return bridge.request("POST", COUNT, body)


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_the_first_counts_come_all_at_once(start_bridge: Start, server: str) -> None:
    bridge = start_bridge(server=server).warm()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda number: count(bridge, f"word {number} " * 100), range(3 * AT_ONCE)))
    assert {answer.status for answer in answers} == {200}, [answer.body[:200] for answer in answers]
    assert all(100 < answer.json["input_tokens"] < 900 for answer in answers)


@pytest.mark.parametrize("piece", [" ", "\t", "\u3000"])
def test_a_million_blanks_are_counted(any_bridge: Bridge, piece: str) -> None:
    answer = count(any_bridge, piece * 1_000_000)
    assert answer.status == 200, answer.body[:200]
    assert json.loads(answer.body)["input_tokens"] > 1_000
