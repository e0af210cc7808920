"""Messages of the core are shown to readers in their language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from copilot_bridge import errors
from copilot_bridge.config.settings import settings
from copilot_bridge.http.pages.i18n import DEFAULT, LANGUAGES
from copilot_bridge.http.pages.sentences import (
    API,
    MESSAGES,
    SETTINGS,
    VALUE,
    as_text,
    book,
    described,
    list_items,
    prose,
    said,
    translate,
)
from copilot_bridge.openapi.document import document

PACKAGE = Path(__file__).parents[4] / "copilot_bridge"
# Their messages are what people read on the pages: of forms, of logins, of limits.
SHOWN = ("admin", "access", "upstream/github")
# Of the start, before there are pages.
AT_THE_START = "refusing to listen on {}"
RAISED = {name for name, value in vars(errors).items() if isinstance(value, type)}

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
each_language = pytest.mark.parametrize("language", OTHERS)
each_book = pytest.mark.parametrize("name", [MESSAGES, API, SETTINGS])


@pytest.fixture
def chinese() -> Iterator[None]:
    with Flask("test").test_request_context(headers={"Accept-Language": "zh"}):
        yield


def texts(part: Any) -> Iterator[str]:
    """All texts in a part of the description of the API."""
    if isinstance(part, str):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from texts(inner)


def lines(markdown: str) -> Iterator[str]:
    for block in filter(None, markdown.split("\n\n")):
        yield from (" ".join(item.split()) for item in list_items(block) or [block])


@each_language
def test_nothing_is_translated_that_the_description_of_the_api_does_not_say(language: str) -> None:
    """`test_docs_page.py` holds that all its texts are translated."""
    said_there = {line for text in texts(document()) for line in lines(text)}
    assert book(language, API).keys() - said_there == set()


@each_language
def test_the_texts_of_settings_are_translated(language: str) -> None:
    assert book(language, SETTINGS).keys() == {setting.name for setting in settings()}


def template_of(node: ast.expr) -> str | None:
    """A text with {} for its values; None: it is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]


def raised(room: str) -> Iterator[str]:
    """The messages of the errors that are made in a room."""
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                template = template_of(node.args[0]) if node.args else None
                if template and not template.startswith(AT_THE_START) and template.strip("{}: "):
                    yield template


@pytest.mark.parametrize("room", SHOWN)
@each_language
def test_messages_of_forms_logins_and_limits_are_translated(language: str, room: str) -> None:
    found = set(raised(room))
    assert found
    assert {message for message in found if translate(language, message.replace("{}", "x")) is None} == set()


def written() -> str:
    """All texts in the code, each on a line; values are left out."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.is_relative_to(PACKAGE / "http/pages/sentences.py"):
            nodes = ast.walk(ast.parse(path.read_bytes()))
            found += [
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(found)


# What the system says, and acts by their names with what they are about.
ELSEWHERE = ("Connection ", "Name or ", "Temporary ", "Network ", "No route ")


@each_language
def test_no_message_is_translated_that_nobody_says(language: str) -> None:
    code = written()
    for message in book(language, MESSAGES):
        if not message.startswith(ELSEWHERE):
            pieces = (part for piece in VALUE.split(message)[::2] for part in re.split(r"[:;()?]", piece))
            missing = [piece for piece in pieces if piece.strip() not in code]
            assert not missing, (
                f"said otherwise by now, so change it in {language}-messages.toml, too: {message}"
            )


@each_book
@each_language
def test_values_and_code_are_the_same(language: str, name: str) -> None:
    for english, translation in book(language, name).items():
        assert translation
        assert {*VALUE.findall(translation)} <= {*VALUE.findall(english)}, english
        for pattern in (r"\]\((\S+?)\)", *([r"`[^`]+`"] if name == API else [])):
            assert sorted(re.findall(pattern, english)) == sorted(re.findall(pattern, translation)), english


@each_book
@each_language
def test_chinese_is_set_as_chinese(language: str, name: str) -> None:
    for text in book(language, name).values():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), text


def test_english_stays_as_it_is() -> None:
    with Flask("test").test_request_context():
        assert said("the queue of the bridge is full") == "the queue of the bridge is full"
        assert [*prose("One.\n\n- two")] == [("One.\n\n- two", True)]


@pytest.mark.usefixtures("chinese")
def test_a_message_is_in_the_readers_language_with_its_values() -> None:
    assert said("a key named 'amy' already exists") == "已有名为 'amy' 的密钥"
    assert said("no byte from Copilot for 5 s") == "Copilot 在 5 秒内没有发来任何数据"
    assert said("can't reach api.github.com: Connection refused").endswith("连接被拒绝")
    assert as_text("the queue of the bridge is full") == "本服务的队列已满"


@pytest.mark.usefixtures("chinese")
def test_the_message_with_the_most_words_counts() -> None:
    paused = "auto is paused until 12:00, for 5 min, as Copilot requested: slow down"
    assert "没有暂停的模型" in said(f"{paused} (models that are not paused: a, b)")
    assert "没有暂停的模型" not in said(paused)


@pytest.mark.usefixtures("chinese")
def test_the_words_of_others_are_marked_as_english() -> None:
    assert said("<b>slow down</b>") == '<span lang="en">&lt;b&gt;slow down&lt;/b&gt;</span>'
    assert described("A text nobody has translated.").startswith('<span lang="en">')
    assert said("没有这个页面。") == "没有这个页面。"
    assert said(None) == ""


@pytest.mark.usefixtures("chinese")
def test_markdown_is_translated_by_paragraphs_and_items() -> None:
    markdown = "The\nresponse.\n\n- the plan's quota is used up\n- Copilot is overloaded\n\nNews."
    assert [*prose(markdown)] == [
        ("响应。", True),
        ("- 套餐额度已用完\n- Copilot 过载", True),
        ("News.", False),
    ]
