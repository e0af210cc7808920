"""Validation of Chat Completions requests: an error names its field, and all other fields are passed on."""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported

GOOD = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def read(**fields: Any) -> dict[str, Any]:
    return chat.read(json.dumps({**GOOD, **fields}).encode())


def error_message(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def part(part: Any) -> dict[str, Any]:
    return error_message({"role": "user", "content": [{"type": "text", "text": "a"}, part]})


WRONG: list[tuple[str | None, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("model", {"model": ""}),
    ("model", {"model": " "}),
    ("model", {"model": "gpt-\ud800"}),
    ("model", {"model": "gpt-4o\n"}),
    ("model", {"model": 4}),
    ("model", {"model": ["gpt-4o"]}),
    ("stream", {"stream": "true"}),
    ("stream", {"stream": 1}),
    ("stream_options", {"stream_options": True}),
    ("stream_options", {"stream_options": []}),
    *(
        (field, {field: value})
        for field in ("max_tokens", "max_completion_tokens")
        for value in (0, -1, "9", 1.5)
    ),
    *((field, {field: True}) for field in ("max_tokens", "max_completion_tokens", "n")),
    ("n", {"n": 0}),
    ("n", {"n": "1"}),
    ("tools", {"tools": {}}),
    ("tools", {"tools": "read_file"}),
    ("modalities", {"modalities": "text"}),
    ("messages", {"messages": None}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "hello"}),
    ("messages", {"messages": {"role": "user"}}),
    ("messages.0", error_message("hello")),
    ("messages.0", error_message(None)),
    ("messages.1", error_message(GOOD["messages"][0], ["hello"])),
    ("messages.0.role", error_message({"content": "hello"})),
    ("messages.0.role", error_message({"role": None, "content": "hello"})),
    ("messages.0.role", error_message({"role": 1, "content": "hello"})),
    ("messages.0.content", error_message({"role": "user", "content": 1})),
    ("messages.0.content", error_message({"role": "user", "content": {"type": "text"}})),
    ("messages.0.content", error_message({"role": "user", "content": True})),
    ("messages.0.content.1", part("hello")),
    ("messages.0.content.1", part(None)),
]


@pytest.mark.parametrize(("param", "fields"), WRONG)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.kind == "invalid_request"
    assert refused.value.param == param
    assert str(refused.value).startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("param", "fields"), [("n", {"n": 2}), ("modalities", {"modalities": ["text", "audio"]})]
)
def test_a_field_that_copilot_does_not_support_is_refused_by_its_name(
    param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(Unsupported) as refused:
        read(**fields)
    assert refused.value.kind == "unsupported"
    assert refused.value.param == param


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_required_field_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chat.read(json.dumps({key: value for key, value in GOOD.items() if key != field}).encode())
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"{", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"model": NaN}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'"hello"', "JSON object"),
    ],
)
def test_a_body_that_is_not_an_object_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as refused:
        chat.read(data)
    assert refused.value.param is None


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys([*chat.FIELDS, "temperature", "tool_choice"]),
        {"n": 1, "stream": False, "stream_options": {}, "max_tokens": 1, "tools": [], "modalities": ["text"]},
        {"max_tokens": 10**12, "temperature": "hot", "invented_yesterday": {"by": "OpenAI"}},
        error_message({"role": "assistant"}),
        error_message({"role": "assistant", "content": None, "tool_calls": "odd"}),
        error_message({"role": "whoever", "content": []}),
        part({"type": "invented_yesterday"}),
        part({}),
    ],
)
def test_fields_that_the_bridge_does_not_use_are_passed_on(fields: dict[str, Any]) -> None:
    assert read(**fields) == {**GOOD, **fields}


def test_an_error_message_does_not_quote_the_body() -> None:
    with pytest.raises(BridgeError) as refused:
        chat.read(b"gho_0123456789012345678901234567890123456789")
    assert "gho_0" not in str(refused.value)


PNG = "data:image/png;base64,AAAA"


def images(*contents: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def test_images_are_found_with_their_locations() -> None:
    body = images(
        "hello",
        None,
        [],
        [{"type": "text", "text": PNG}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}],
        [{"type": "image_url", "image_url": {"url": "https://a/b"}}, {"type": "input_audio"}, {}],
    )
    assert list(chat.image_holders(body)) == [
        ("messages.3.content.1.image_url.url", {"url": PNG, "detail": "low"}, False),
        ("messages.4.content.0.image_url.url", {"url": "https://a/b"}, False),
    ]


def test_an_image_holder_is_the_object_in_the_body() -> None:
    body = images([{"type": "image_url", "image_url": {"url": "https://a/b"}}])
    for _, image, _ in chat.image_holders(body):
        image["url"] = PNG
    assert body["messages"][0]["content"][0]["image_url"] == {"url": PNG}


@pytest.mark.parametrize("image", [None, {}, {"url": None}, {"url": 1}, [PNG], 7, {"uri": PNG}])
def test_an_image_without_a_url_is_refused_by_its_location(image: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        list(chat.image_holders(images("hello", [{"type": "image_url", "image_url": image}])))
    assert refused.value.param == "messages.1.content.0.image_url"


@pytest.mark.parametrize(
    ("roles", "initiator"),
    [
        ("user", "user"),
        ("system user", "user"),
        ("developer user", "user"),
        ("user assistant user", "user"),
        ("user assistant tool user", "user"),
        ("user assistant tool", "agent"),
        ("user assistant tool tool", "agent"),
        ("user assistant function", "agent"),
        ("user assistant", "agent"),
        ("user assistant tool system", "agent"),
        ("user assistant tool developer", "agent"),
        ("user system", "user"),
        ("user assistant user system developer", "user"),
        ("system", "user"),
        ("developer system", "user"),
        ("user whoever", "user"),
    ],
)
def test_the_last_messages_decide_on_the_initiator(roles: str, initiator: str) -> None:
    """A person is never billed for a tool loop, and a person's turn never passed off as one."""
    assert (
        chat.read_conversation({"messages": [{"role": role} for role in roles.split()]}).initiator
        == initiator
    )


@pytest.mark.parametrize(
    ("fields", "requested"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {}}, False),
        ({"stream_options": {"include_usage": None}}, False),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": True}}, True),
    ],
)
def test_only_clients_that_ask_get_the_usage_chunk(fields: dict[str, Any], requested: bool) -> None:
    assert chat.wants_usage(read(**fields)) is requested
