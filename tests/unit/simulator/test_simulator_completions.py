"""The host of code completion."""

from typing import Any

import pytest
import requests
from simulator_calls import Client, events_in

ENGINE = "gpt-41-copilot"


def complete(client: Client, engine: str = ENGINE, **body: Any) -> requests.Response:
    token = client.exchange().json()
    headers = client.headers() | {"Authorization": f"Bearer {token['token']}"}
    url = f"{token['endpoints']['proxy']}/v1/engines/{engine}/completions"
    return client.session.post(url, json={"stream": True} | body, headers=headers, timeout=10)


def text_of(chunks: list[Any]) -> str:
    return "".join(choice["text"] for chunk in chunks[:-1] for choice in chunk["choices"])


def test_a_gap_is_filled_in_a_stream(client: Client) -> None:
    *chunks, done = events_in(
        complete(client, prompt="import os\ndef add(", suffix="\n    return a + b").content
    )
    assert text_of([*chunks, done]) == "/* after 'def add(', before 'return a + b' */"
    *_, finish, usage = chunks
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert done == "[DONE]"


def test_stop_sequences_and_limits_end_the_text(client: Client) -> None:
    stopped = events_in(complete(client, prompt="[[sim:say]] one two END three", stop=["END"]).content)
    assert text_of(stopped) == "one two "
    cut = events_in(complete(client, prompt="a long line of text", max_tokens=2).content)
    assert (len(text_of(cut)), cut[-3]["choices"][0]["finish_reason"]) == (8, "length")


@pytest.mark.parametrize(
    ("body", "engine", "status"),
    [
        ({"prompt": "x", "stream": False}, ENGINE, 400),
        ({"prompt": "x", "stop": ["a", "b", "c", "d", "e"]}, ENGINE, 400),
        ({"prompt": ["x"]}, ENGINE, 400),
        ({"prompt": "x"}, "gpt-4o", 400),
        ({"prompt": "x"}, "unheard-of", 400),
    ],
)
def test_the_host_refuses_invalid_bodies(
    client: Client, body: dict[str, Any], engine: str, status: int
) -> None:
    assert complete(client, engine, **body).status_code == status


def test_a_github_token_is_no_bearer_of_this_host(client: Client) -> None:
    proxy = client.exchange().json()["endpoints"]["proxy"]
    headers = {"Authorization": f"Bearer {client.github_token(prefix='gho')}"}
    url = f"{proxy}/v1/engines/{ENGINE}/completions"
    response = client.session.post(url, json={"prompt": "x", "stream": True}, headers=headers, timeout=10)
    assert response.status_code == 401
