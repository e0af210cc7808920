"""OpenAI's legacy Completions by its own package: gaps in code, and texts."""

import json
from collections.abc import Iterator

import openai
import pytest
from clients import connect_openai
from integration.harness import Bridge, Simulator
from openai import OpenAI

ENGINE = "gpt-41-copilot"
ENGINE_PATH = f"/proxy/v1/engines/{ENGINE}/completions"


@pytest.fixture
def client(bridge: Bridge) -> Iterator[OpenAI]:
    with connect_openai(bridge) as client:
        yield client


def test_a_gap_goes_to_the_host_of_code_completion(client: OpenAI, simulator: Simulator, mark: str) -> None:
    stops = [f"stop {number}" for number in range(14)]
    response = client.completions.create(
        model=ENGINE, prompt=f"def {mark}(a, b):", suffix="\n    return c", max_tokens=50, stop=stops
    )
    assert response.choices[0].text == f"/* after 'def {mark}(a, b):', before 'return c' */"
    assert response.choices[0].finish_reason == "stop"
    assert response.usage
    assert response.usage.total_tokens > 0
    entry = simulator.only(mark)
    assert entry["path"] == ENGINE_PATH
    assert entry["body"]["prompt"] == f"def {mark}(a, b):"
    assert entry["body"]["suffix"] == "\n    return c"
    assert len(entry["body"]["stop"]) == 4
    assert "x-initiator" not in entry["headers"]


def test_the_marks_of_open_models_are_split(client: OpenAI, simulator: Simulator, mark: str) -> None:
    chunks = [
        *client.completions.create(
            model=ENGINE,
            prompt=f"<|fim_prefix|>def {mark}(<|fim_suffix|>): pass<|fim_middle|>",
            stream=True,
            stream_options={"include_usage": True},
        )
    ]
    assert (
        "".join(chunk.choices[0].text for chunk in chunks[:-1])
        == f"/* after 'def {mark}(', before '): pass' */"
    )
    assert chunks[-1].usage
    assert simulator.only(mark)["body"]["prompt"] == f"def {mark}("


def test_the_bridge_cuts_at_the_stop_sequences_that_are_too_many(client: OpenAI, mark: str) -> None:
    stops = ["1", "2", "3", "4", "END"]
    response = client.completions.create(model=ENGINE, prompt=f"[[sim:say]] one END {mark}", stop=stops)
    assert (response.choices[0].text, response.choices[0].finish_reason) == ("one ", "stop")


@pytest.mark.parametrize("model", ["gpt-4.1", "claude-sonnet-4.5", "gpt-5.3-codex"])
def test_other_models_are_asked_in_words(client: OpenAI, simulator: Simulator, mark: str, model: str) -> None:
    response = client.completions.create(model=model, prompt=f"def {mark}(", suffix="): pass")
    assert mark in response.choices[0].text
    entry = simulator.only(mark)
    assert f"def {mark}(<|cursor|>): pass" in json.dumps(entry["body"])
    assert entry["headers"]["x-initiator"] == "agent", "an editor asks by itself"


def test_a_text_is_a_persons(client: OpenAI, simulator: Simulator, mark: str) -> None:
    response = client.completions.create(model="gpt-4.1", prompt=f"Once upon {mark}", echo=True)
    assert response.choices[0].text.startswith(f"Once upon {mark}")
    assert simulator.only(mark)["headers"]["x-initiator"] == "user"


def test_mistrals_path_fills_gaps_in_the_form_of_a_chat(bridge: Bridge, mark: str) -> None:
    body = {"model": ENGINE, "prompt": f"def {mark}(", "suffix": "): pass"}
    whole = bridge.request("POST", "/v1/fim/completions", body).json
    assert whole["choices"][0]["message"]["content"] == f"/* after 'def {mark}(', before '): pass' */"
    stream = bridge.dial("POST", "/v1/fim/completions", json.dumps(body | {"stream": True}).encode())
    assert b'"delta":{"content":"/* "}' in b"".join(frame.raw for frame in stream.all())


@pytest.mark.parametrize(
    ("more", "field"), [({"n": 2}, "n"), ({"prompt": ["a", "b"]}, "prompt"), ({"logprobs": 1}, "logprobs")]
)
def test_options_that_copilot_lacks_are_refused(client: OpenAI, more: dict[str, object], field: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**{"model": ENGINE, "prompt": "a", **more})  # type: ignore[call-overload]
    assert caught.value.param == field


def test_a_completion_model_holds_no_conversation(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support chat"):
        client.chat.completions.create(model=ENGINE, messages=[{"role": "user", "content": "Hi"}])
