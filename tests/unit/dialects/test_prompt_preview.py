"""The preview of a prompt: the first line of the last user text, in every dialect."""

import json

import pytest

from copilot_bridge.dialects.prompt_preview import prompt_preview

USER = "user"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            {"messages": [{"role": USER, "content": "one"}, {"role": USER, "content": " \n two \nthree"}]},
            "two",
        ),
        ({"messages": [{"role": USER, "content": "one"}, {"role": "assistant", "content": "two"}]}, "one"),
        (
            {
                "messages": [
                    {"role": USER, "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
                ]
            },
            "b",
        ),
        (
            {
                "messages": [
                    {"role": USER, "content": [{"type": "image"}]},
                    {"role": "system", "content": "x"},
                ]
            },
            "",
        ),
        ({"input": "hello\nthere"}, "hello"),
        ({"contents": [{"role": USER, "parts": [{"text": "hello"}]}, {"role": "model"}]}, "hello"),
        (
            {"input": [{"role": USER, "content": [{"type": "input_text", "text": "hello"}]}, {"type": "x"}]},
            "hello",
        ),
        ({"input": ["a", "b"]}, "b"),
        ({"input": [[1, 2, 3]]}, ""),
        ({"messages": [None, 5, {"role": USER, "content": None}]}, ""),
        ({}, ""),
        ({"input": "x" * 5000}, "x" * 200),
    ],
)
def test_the_preview_is_the_first_line_of_the_last_user_text(body, line):
    assert prompt_preview(json.dumps(body).encode()) == line
