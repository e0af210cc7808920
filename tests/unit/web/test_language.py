"""Every sentence of the pages has its Chinese, and no Chinese is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from copilot_bridge.clients import CLIENTS, SHELLS, setup_instructions
from copilot_bridge.web.frame import environment
from copilot_bridge.web.language import LANGUAGES, TAGS, USUAL, catalogue, say_number, spoken, tr

ROOM = Path(__file__).parents[3] / "copilot_bridge" / "web"
FUNCTIONS = {"tr": 1, "ntr": 2}
VALUES = re.compile(r"%\((\w+)\)[sd]")


def in_template(path: Path) -> Iterator[str]:
    """Of a number's two forms the second one, which is the catalogue's."""
    for _line, function, said in environment().extract_translations(path.read_text()):  # type: ignore[attr-defined]
        sentence = said[function == "ngettext"] if isinstance(said, tuple) else said
        assert sentence, f"{path.name}: not written out"
        yield sentence


def in_module(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            sentence = node.args[FUNCTIONS[node.func.id] - 1]
            assert isinstance(sentence, ast.Constant), f"{path.name}:{node.lineno}: not written out"
            yield sentence.value


def of_clients() -> Iterator[str]:
    """What their rows say to people; where a line stands is no sentence if it is a path."""
    for client in CLIENTS:
        steps = setup_instructions(client, "http://bridge", "key")
        yield from (sentence for sentence, _ in steps.steps)
        yield from (name for name, _ in steps.values)
    yield from (each.lasting for each in SHELLS.values() if not each.lasting.startswith("~"))


SAID = {
    sentence: path.name
    for path in sorted(ROOM.rglob("*"))
    if path.suffix in (".html", ".py") and path.name != "language.py"
    for sentence in (in_template if path.suffix == ".html" else in_module)(path)
} | dict.fromkeys(of_clients(), "clients")
OTHERS = [each for each in LANGUAGES if each != USUAL]


@pytest.mark.parametrize("language", OTHERS)
def test_each_sentence_is_translated(language: str) -> None:
    missing = {sentence: where for sentence, where in SAID.items() if not catalogue(language).get(sentence)}
    assert missing == {}


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    assert catalogue(language).keys() - SAID.keys() == set()


@pytest.mark.parametrize("language", OTHERS)
def test_the_values_are_the_same(language: str) -> None:
    for sentence, said in catalogue(language).items():
        assert sorted(VALUES.findall(sentence)) == sorted(VALUES.findall(said)), sentence
        assert VALUES.sub("", said).count("%") == VALUES.sub("", sentence).count("%"), sentence


@pytest.mark.parametrize("language", OTHERS)
def test_chinese_is_set_as_chinese(language: str) -> None:
    """No Western commas, colons and question marks between Chinese characters."""
    for said in catalogue(language).values():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", said), said


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
def test_which_language_is_spoken(sent: dict[str, str], expected: str) -> None:
    with Flask("test").test_request_context(headers=sent):
        assert spoken() == expected


def test_numbers() -> None:
    with Flask("test").test_request_context():
        assert say_number("one request", "%(num)s requests", 1) == "one request"
        assert say_number("one request", "%(num)s requests", 2) == "%(num)s requests"
    with Flask("test").test_request_context(headers={"Accept-Language": "zh"}):
        assert tr("Home") == "首页"
    assert tr("Home") == "Home"
    assert TAGS.keys() == LANGUAGES.keys()
