"""Validation of Messages requests, and the initiator of their conversations.

An error names its field, and all other fields are passed on.
"""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.messages import request as messages
from copilot_bridge.errors import BridgeError, InvalidRequest

USER = {"role": "user", "content": "hello"}
GOOD = {"model": "claude-sonnet-4.5", "max_tokens": 100, "messages": [USER]}


def read(**fields: Any) -> dict[str, Any]:
    return messages.read(json.dumps({**GOOD, **fields}).encode())


def error_message(*given: Any) -> dict[str, Any]:
    return {"messages": list(given)}


def block(block: Any) -> dict[str, Any]:
    return error_message({"role": "user", "content": [{"type": "text", "text": "a"}, block]})


WRONG: list[tuple[str, dict[str, Any]]] = [
    *(("model", {"model": value}) for value in (None, "", " ", 4, ["claude"], "m" * 201)),
    *(("stream", {"stream": value}) for value in ("true", 1, [])),
    *(("max_tokens", {"max_tokens": value}) for value in (0, -1, "9", 1.5, True)),
    *(("tools", {"tools": value}) for value in ({}, "read_file", True)),
    *(
        (field, {field: value})
        for field in ("tool_choice", "thinking", "output_config")
        for value in ("auto", [], True, 1)
    ),
    *(("system", {"system": value}) for value in (1, {"type": "text"}, True)),
    *(
        ("system.1", {"system": [{"type": "text", "text": "a"}, value]})
        for value in (None, "a", [], {"text": "a"})
    ),
    *(("messages", {"messages": value}) for value in (None, [], "hello", USER)),
    *(("messages.0", error_message(value)) for value in ("hello", None, [USER])),
    *(
        ("messages.1", error_message(USER, {"role": role, "content": "a"}))
        for role in ("developer", "tool", None, 1)
    ),
    ("messages.0", error_message({"content": "hello"})),
    *(
        ("messages.0.content", error_message({"role": "user", "content": value}))
        for value in (None, 1, True, {"type": "text"})
    ),
    ("messages.0.content", error_message({"role": "user"})),
    *(
        ("messages.0.content.1", block(value))
        for value in ("hello", None, [], {}, {"type": None}, {"text": "a"})
    ),
]


@pytest.mark.parametrize(("param", "fields"), WRONG)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param
    assert str(refused.value).startswith(f"{param}: ")


def test_every_checked_field_has_a_wrong_case() -> None:
    assert set(messages.FIELDS) <= {param for param, _ in WRONG}


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_required_field_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        messages.read(json.dumps({key: value for key, value in GOOD.items() if key != field}).encode())
    assert refused.value.param == field


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"model": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_an_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON") as refused:
        messages.read(data)
    assert refused.value.param is None


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys([*messages.FIELDS, "system", "temperature", "metadata"]),
        {"stream": True, "system": "", "tools": [], "thinking": {}, "tool_choice": {}, "output_config": {}},
        {"system": [], "temperature": "hot", "invented_yesterday": {"by": "Anthropic"}},
        {"max_tokens": 10**12, "tools": [7]},
        error_message({"role": "assistant", "content": []}),
        error_message({"role": "system", "content": "a"}),
        error_message(USER, {"role": "assistant", "content": "a", "name": 1}),
        block({"type": "invented_yesterday"}),
        block({"type": "tool_result", "content": 5}),
    ],
)
def test_fields_that_the_bridge_does_not_use_are_passed_on(fields: dict[str, Any]) -> None:
    assert read(**fields) == {**GOOD, **fields}


def test_an_error_message_does_not_quote_the_body() -> None:
    with pytest.raises(BridgeError) as refused:
        messages.read(b"gho_0123456789012345678901234567890123456789")
    assert "gho_0" not in str(refused.value)


URL = {"type": "url", "url": "https://a/b"}
BASE64 = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


def image(source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


def result(*content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": list(content)}


def test_images_are_found_with_their_locations() -> None:
    """Those that a tool has given, too; an input of a tool is the model's own text."""
    body = error_message(
        USER,
        {"role": "user", "content": [{"type": "text", "text": "https://a/b"}, image(URL)]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"content": [image(URL)]}}],
        },
        {"role": "user", "content": [result("a", {"type": "text", "text": "b"}, image(BASE64)), image(None)]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "text"}]},
        {"role": "user", "content": [{"type": "document", "source": URL}]},
    )
    assert list(messages.image_holders(body)) == [
        ("messages.1.content.1.source", URL, False),
        ("messages.3.content.0.content.2.source", BASE64, True),
    ]


def test_an_image_holder_is_the_object_in_the_body() -> None:
    body = error_message({"role": "user", "content": [result(image(dict(URL)))]})
    for _, source, _ in messages.image_holders(body):
        source["url"] = "https://c/d"
    assert body["messages"][0]["content"][0]["content"][0]["source"]["url"] == "https://c/d"


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


REMINDER = text("<system-reminder>\nThe file a.txt was changed.\n</system-reminder>")
RESULT = result(text("done"))
FOUND = RESULT | {"content": [{"type": "tool_reference", "tool_name": "WebFetch"}]}
LOADED = text("Tool loaded.")  # as Claude Code says it
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def system(*content: Any) -> dict[str, Any]:
    return {"role": "system", "content": list(content)}


TURNS: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("typed", "user", [USER]),
    ("typed as a block", "user", [user(text("hello"))]),
    ("typed after an answer", "user", [USER, assistant(text("a")), USER]),
    ("typed after tools", "user", [USER, assistant(CALL), user(RESULT), assistant(text("a")), USER]),
    ("a result", "agent", [USER, assistant(CALL), user(RESULT)]),
    ("two results", "agent", [USER, assistant(CALL, CALL), user(RESULT, RESULT)]),
    ("a result and a reminder", "agent", [USER, assistant(CALL), user(RESULT, REMINDER)]),
    ("a reminder before a result", "agent", [USER, assistant(CALL), user(REMINDER, RESULT)]),
    (
        "a reminder after white space",
        "agent",
        [USER, assistant(CALL), user(RESULT, text(f"\n {REMINDER['text']}"))],
    ),
    ("a result that has failed", "agent", [USER, assistant(CALL), user(RESULT | {"is_error": True})]),
    ("a result that is a text", "agent", [USER, assistant(CALL), user(RESULT | {"content": "done"})]),
    ("a result and typed words", "user", [USER, assistant(CALL), user(RESULT, text("stop, use b.txt"))]),
    (
        "a result, a reminder and typed words",
        "user",
        [USER, assistant(CALL), user(RESULT, REMINDER, text("stop"))],
    ),
    *(
        (f"a found tool, {name}", initiator, [USER, assistant(CALL), user(*content)])
        for name, initiator, content in (
            ("told as loaded", "agent", [FOUND, LOADED]),
            ("and another", "agent", [FOUND, FOUND, LOADED, LOADED]),
            ("a result, a reminder", "agent", [FOUND, RESULT, LOADED, REMINDER]),
            ("typed words after it is told", "user", [FOUND, LOADED, text("go on")]),
            ("more words than that", "user", [FOUND, text("Tool loaded. And now?")]),
            ("told before it is", "user", [LOADED, FOUND]),
        )
    ),
    ("a tool told as loaded behind another's result", "user", [USER, assistant(CALL), user(RESULT, LOADED)]),
    ("a result of odd things", "user", [USER, assistant(CALL), user(RESULT | {"content": ["a"]}, LOADED)]),
    ("a tool told as loaded, and no result", "user", [user(LOADED)]),
    ("a result and a picture", "user", [USER, assistant(CALL), user(RESULT, image(BASE64))]),
    ("a picture alone", "user", [user(image(BASE64))]),
    ("words about a reminder", "user", [USER, assistant(CALL), user(RESULT, text("a <system-reminder>"))]),
    ("reminders before typed words", "user", [user(REMINDER, REMINDER, text("hello"))]),
    ("a result that another message follows", "user", [USER, assistant(CALL), user(RESULT), USER]),
    ("an answer to go on with", "agent", [USER, assistant(text("a"))]),
    ("an answer to go on with, as a text", "agent", [USER, {"role": "assistant", "content": "{"}]),
    ("a text of the system after typed words", "user", [USER, system(text("# Environment"))]),
    (
        "a text of the system after a result",
        "agent",
        [USER, assistant(CALL), user(RESULT), system(text("a"))],
    ),
    (
        "a plain text of the system",
        "agent",
        [USER, assistant(CALL), user(RESULT), {"role": "system", "content": "a"}],
    ),
    ("a text of the system before all", "user", [system(text("a")), USER]),
    ("nothing but the system", "user", [system(text("a"))]),
    ("nothing said", "user", [user()]),
]


@pytest.mark.parametrize(("initiator", "given"), [row[1:] for row in TURNS], ids=[row[0] for row in TURNS])
def test_the_last_messages_decide_on_the_initiator(initiator: str, given: list[dict[str, Any]]) -> None:
    """A person is never billed for a tool loop, and a person's turn never passed off as one."""
    assert messages.read_conversation(read(messages=given)).initiator == initiator
