"""Validation of Responses requests, and the initiator of their conversations.

An error names its field, and all other fields are passed on.
"""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
GOOD = {"model": "gpt-5.2", "input": "hello"}


def read(**fields: Any) -> dict[str, Any]:
    return responses.read(json.dumps({**GOOD, **fields}).encode())


WRONG: list[tuple[str, dict[str, Any]]] = [
    *(("model", {"model": value}) for value in (None, "", " ", 4, ["gpt"], "m" * 201)),
    *((field, {field: value}) for field in ("stream", "store") for value in ("true", 1, [])),
    *(
        ("previous_response_id", {"previous_response_id": value})
        for value in ("", "\ud800", 1, ["resp_1"], True)
    ),
    *(("max_output_tokens", {"max_output_tokens": value}) for value in (0, -1, "9", 1.5, True)),
    *((field, {field: value}) for field in ("tools", "include") for value in ({}, "all", True)),
    *((field, {field: value}) for field in ("reasoning", "text") for value in ("high", [], True)),
    *(("input", {"input": value}) for value in (None, [], {}, 1, True)),
    *(("input.0", {"input": [value]}) for value in (None, "hello", ["hello"], 1)),
    ("input.1", {"input": [USER, "hello"]}),
    *(("background", {"background": value}) for value in ("yes", 1, [])),
    *(("conversation", {"conversation": value}) for value in (5, "", {}, {"id": 5}, ["conv_1"])),
    ("conversation", {"conversation": "conv_1", "previous_response_id": "resp_1"}),
]


UNSUPPORTED: list[tuple[str, Any]] = [
    ("prompt", {"id": "p"}),
    ("background", True),
]


@pytest.mark.parametrize(("param", "fields"), WRONG)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.kind == "invalid_request"
    assert refused.value.param == param
    assert str(refused.value).startswith(f"{param}: ")


def test_every_checked_field_has_a_wrong_case() -> None:
    assert set(responses.FIELDS) <= {param for param, _ in (*WRONG, *UNSUPPORTED)}


@pytest.mark.parametrize(("param", "value"), UNSUPPORTED)
def test_an_unsupported_field_is_refused_by_its_name(param: str, value: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        read(**{param: value})
    assert refused.value.kind == "unsupported"
    assert refused.value.param == param
    assert str(refused.value).startswith(f"{param}: ")


@pytest.mark.parametrize("field", ["model", "input"])
def test_a_missing_required_field_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        responses.read(json.dumps({key: value for key, value in GOOD.items() if key != field}).encode())
    assert refused.value.param == field


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"model": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_an_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON") as refused:
        responses.read(data)
    assert refused.value.param is None


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys([*responses.FIELDS, "temperature", "metadata"]),
        {"stream": True, "store": False, "tools": [], "include": [], "reasoning": {}, "text": {}},
        {"store": True, "background": False, "max_output_tokens": 1, "previous_response_id": "resp_1"},
        {"input": ""},
        {"max_output_tokens": 10**12, "temperature": "hot", "invented_yesterday": {"by": "OpenAI"}},
        {"input": [{}]},
        {"input": [{"type": "invented_yesterday"}, {"role": "whoever", "content": 5}]},
        {"input": [USER, {"type": "function_call_output", "call_id": "c", "output": None}], "tools": [7]},
    ],
)
def test_fields_that_the_bridge_does_not_use_are_passed_on(fields: dict[str, Any]) -> None:
    assert read(**fields) == {**GOOD, **fields}


def test_an_error_message_does_not_quote_the_body() -> None:
    with pytest.raises(BridgeError) as refused:
        responses.read(b"gho_0123456789012345678901234567890123456789")
    assert "gho_0" not in str(refused.value)


PNG = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
URL = {"type": "input_image", "image_url": "https://a/b", "detail": "low"}


def output(given: Any, kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": "call_1", "output": given}


def test_images_are_found_with_their_locations() -> None:
    """Those that a tool has given, too."""
    body = {
        "input": [
            {"role": "user", "content": "https://a/b"},
            {"role": "user", "content": [{"type": "input_text", "text": "look"}, PNG]},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": json.dumps([URL])},
            output([{"type": "input_text", "text": "a picture:"}, URL]),
            output([PNG], "custom_tool_call_output"),
            output("a text"),
            output(None),
            {"role": "user", "content": ["odd", None, {"type": "input_file"}, {}]},
        ]
    }
    assert list(responses.image_holders(body)) == [
        ("input.1.content.1.image_url", PNG, False),
        ("input.3.output.1.image_url", URL, True),
        ("input.4.output.0.image_url", PNG, True),
    ]


def test_a_string_input_has_no_images() -> None:
    assert list(responses.image_holders({"input": "data:image/png;base64,AAAA"})) == []


def test_an_image_holder_is_the_object_in_the_body() -> None:
    body = {"input": [output([dict(URL)])]}
    for _, part, _ in responses.image_holders(body):
        part["image_url"] = PNG["image_url"]
    assert body["input"][0]["output"] == [URL | PNG]


def message_item(role: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": "a"}]}


CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
THOUGHT = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
ADDED = {"type": "additional_tools", "role": "developer", "tools": []}

TURNS: list[tuple[str, str, Any]] = [
    ("a text", "user", "hello"),
    ("a message", "user", [USER]),
    ("a message without a type", "user", [{"role": "user", "content": "hello"}]),
    ("a message after an answer", "user", [USER, message_item("assistant"), USER]),
    ("a message after tools", "user", [USER, CALL, output("done"), USER]),
    ("a message after instructions", "user", [message_item("developer"), USER]),
    ("an output", "agent", [USER, CALL, output("done")]),
    ("two outputs", "agent", [USER, CALL, CALL, output("one"), output("two")]),
    ("an output of a free-form tool", "agent", [USER, output("done", "custom_tool_call_output")]),
    ("a call that was carried out elsewhere", "agent", [USER, CALL]),
    ("a thought", "agent", [USER, THOUGHT]),
    ("an answer to go on with", "agent", [USER, message_item("assistant")]),
    ("a reference", "agent", [USER, {"type": "item_reference", "id": "rs_1"}]),
    ("the wish for less", "agent", [USER, message_item("assistant"), {"type": "compaction_trigger"}]),
    ("a developer after a message", "user", [USER, message_item("developer")]),
    ("a system after a message", "user", [USER, message_item("system")]),
    ("a developer after an output", "agent", [USER, CALL, output("done"), message_item("developer")]),
    ("tools after a message", "user", [USER, ADDED]),
    ("tools after an output", "agent", [USER, CALL, output("done"), ADDED]),
    ("nothing but the developer", "user", [message_item("developer")]),
]


@pytest.mark.parametrize(("initiator", "given"), [row[1:] for row in TURNS], ids=[row[0] for row in TURNS])
def test_the_last_items_decide_on_the_initiator(initiator: str, given: Any) -> None:
    """A person is never billed for a tool loop, and a person's turn never passed off as one."""
    assert responses.read_conversation(read(input=given)).initiator == initiator
