"""Docstrings begin with a sentence that can be understood by itself, and names say what they hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "copilot_bridge"
FILES = sorted(PACKAGE.rglob("*.py"))

# Openings of half a sentence: its subject stands nowhere, or only in the code.
HALF_SENTENCES = re.compile(
    r"(?:Raises|Of|Whoever|What|Who|Whose|Whom|So that|As far as|As long as|That|Which|Where|When|Whether"
    r"|If|Because|But|And|Or|Nor|Also|Only|Then|Than|Else|For|With|Without|By|Until|Unless|As|To|From|Not"
    r"|It|They|He|She|Its|Their|Them|Such|Those|These|This)\b|(?:None|True|False)?:"
)

# Names that hide what they hold: the one element of a loop, and whatever somebody was told or has heard.
EMPTY_NAMES = re.compile(
    r"for (?:\w+, )?(?:each|told|heard)(?:, \w+)? in\b|\b(?:def|class) (?:each|[Tt]old|heard)\b"
    r"|^\s*(?:each|told|heard)(?:: [^=\n]+)? = ",
    re.MULTILINE,
)
CODE = [path for folder in (PACKAGE, ROOT / "tests", ROOT / "bench") for path in sorted(folder.rglob("*.py"))]


# Names of tests whose subject stands nowhere, and names of one word: they say nothing of what holds.
TOPICS = re.compile(
    r"def (test_(?:(?:it|its|they|their|those|these|this|that|what|who|whoever|whose)_\w+|[a-z0-9]+(?=\()))"
)


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the text of each docstring in a file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield getattr(node, "lineno", 1), text


def summary_faults(summary: str) -> Iterator[str]:
    if HALF_SENTENCES.match(summary):
        yield "begins in the middle of a sentence"
    if not summary[:1].isupper() and not re.match(r"[`\"'/\w]+[._/`(-]|[A-Z`\d\"']", summary):
        yield "begins with a small letter"
    if not re.search(r"[.:?!)]$", summary):
        yield "is not one line that ends"
    if len(summary.split()) < 2:
        yield "says nothing"


@pytest.mark.parametrize(
    "path",
    FILES,
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_first_lines_of_docstrings_stand_alone(path: Path) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {fault}: {text.splitlines()[0]}"
        for line, text in docstrings(path)
        for fault in summary_faults(text.splitlines()[0])
    ]
    assert not faults, "\n".join(faults)


def test_names_say_what_they_hold() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in CODE
        if (names := EMPTY_NAMES.findall(path.read_text())) and path != Path(__file__)
    }
    assert found == {}


def test_names_of_tests_have_a_subject() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "node_modules" not in path.parts and (names := TOPICS.findall(path.read_text()))
    }
    assert found == {}
