"""Each text that the pages name stands in each language, and none is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from copilot_bridge.clients import CLIENTS, SHELLS, setup_instructions
from copilot_bridge.http.pages.i18n import DEFAULT, LANGUAGES, TAGS, catalogue, spoken, text_for, tr
from copilot_bridge.http.pages.rendering import make_environment

ROOM = Path(__file__).parents[4] / "copilot_bridge" / "http" / "pages"
VALUES = re.compile(r"%\((\w+)\)[sd]")


def in_template(path: Path) -> Iterator[str]:
    """The names in a template; of a number's two forms both."""
    for _line, function, message in make_environment(None)[0].extract_translations(path.read_text()):  # type: ignore[attr-defined]
        names = [name for name in (message if isinstance(message, tuple) else (message,)) if name]
        assert len(names) == (2 if function == "ngettext" else 1), f"{path.name}: not written out"
        yield from names


def in_module(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
            name = node.args[0]
            assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno}: not written out"
            yield name.value


def of_clients() -> set[str]:
    """The instructions of all clients; the place of a line is no sentence if it is a path."""
    found = {shell.lasting for shell in SHELLS.values() if not shell.lasting.startswith("~")}
    for client in CLIENTS:
        steps = setup_instructions(client, "http://bridge", "key")
        found |= {sentence for sentence, _ in steps.steps} | {name for name, _ in steps.values}
    return found


NAMED = {
    name
    for path in sorted(ROOM.rglob("*"))
    if path.suffix in (".html", ".py") and path.name != "language.py"
    for name in (in_template if path.suffix == ".html" else in_module)(path)
}
PLURAL = "_one"
OTHERS = [language for language in LANGUAGES if language != DEFAULT]


def test_each_name_has_its_text_in_english() -> None:
    assert catalogue(DEFAULT).keys() == NAMED


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_is_translated(language: str) -> None:
    """Chinese has no plural, so it has one form for each number."""
    expected = {name for name in NAMED if not name.endswith(PLURAL)} | of_clients()
    assert catalogue(language).keys() == expected
    assert all(catalogue(language).values())


@pytest.mark.parametrize("language", OTHERS)
def test_the_values_are_the_same(language: str) -> None:
    for name, text in catalogue(language).items():
        english = catalogue(DEFAULT).get(name, name)
        assert sorted(VALUES.findall(english)) == sorted(VALUES.findall(text)), name
        assert VALUES.sub("", text).count("%") == VALUES.sub("", english).count("%"), name


@pytest.mark.parametrize("language", OTHERS)
def test_chinese_is_set_as_chinese(language: str) -> None:
    """No Western commas, colons and question marks between Chinese characters."""
    for text in catalogue(language).values():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), text


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, "en"),
        ({"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
        ({"Accept-Language": "de, en;q=0.5"}, "en"),
        ({"Accept-Language": "zh-CN", "Cookie": "language=en"}, "en"),
        ({"Accept-Language": "en", "Cookie": "language=zh"}, "zh"),
        ({"Accept-Language": "en", "Cookie": "language=../../etc"}, "en"),
    ],
)
def test_the_language_follows_header_and_cookie(sent: dict[str, str], expected: str) -> None:
    with Flask("test").test_request_context(headers=sent):
        assert spoken() == expected


def test_a_number_chooses_the_form() -> None:
    names = ("models.count_one", "models.count")
    with Flask("test").test_request_context():
        assert text_for(*names, 1) == "%(num)s model"
        assert text_for(*names, 2) == "%(num)s models"
    with Flask("test").test_request_context(headers={"Accept-Language": "zh"}):
        assert text_for(*names, 1) == text_for(*names, 2) == "%(num)s 个模型"


def test_texts_are_in_the_readers_language() -> None:
    with Flask("test").test_request_context(headers={"Accept-Language": "zh"}):
        assert tr("frame.home") == "首页"
    assert tr("frame.home") == "Home"
    assert TAGS.keys() == LANGUAGES.keys()
