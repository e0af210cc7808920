"""The `estimate` command."""

import json

import pytest
from integration.harness import new_token


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        json.dumps({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1000}),
        json.dumps({"contents": [{"parts": [{"text": "hello"}]}]}),
    ],
)
def test_a_text_or_a_request_is_priced(run, tmp_path, text):
    (tmp_path / "prompt").write_text(text)
    asked = ("estimate", "prompt", "--model", "gpt-4o", "-g", new_token())
    found = json.loads(run(*asked, "--json").out)
    assert (found["model"], found["output_tokens"]) == ("gpt-4o", 1000)
    assert found["ai_units"] == pytest.approx((found["input_tokens"] * 250 + 1000 * 1000) / 1e6)
    shown = run(*asked).out
    assert shown.startswith(f"gpt-4o: {found['input_tokens']} tokens in, 1,000 out\n")
    assert "AI UNITS" in shown
    assert "PREMIUM" not in shown


def test_a_text_needs_a_model(run, tmp_path):
    (tmp_path / "prompt").write_text("hello")
    assert "--model" in run("estimate", "prompt").err
