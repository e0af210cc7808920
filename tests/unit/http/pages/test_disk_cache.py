"""Compiled templates are kept on the disk, beside their sources or in the data directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from copilot_bridge.http.pages.disk_cache import DiskCache, TemplateCache, read_toml


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "page.html").write_text("hello {{ name }}")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def render(templates: Path, home: Path | None) -> tuple[str, bool]:
    """A page by a process of its own, and whether a template had to be compiled."""
    kept = TemplateCache(DiskCache(templates, home), "1.0")
    made = Environment(loader=FileSystemLoader(templates), autoescape=True, bytecode_cache=kept)
    return made.get_template("page.html").render(name="you"), kept.missed


@pytest.mark.parametrize("beside", [True, False])
def test_a_template_is_compiled_once(
    templates: Path, home: Path, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", not beside)
    assert render(templates, home) == ("hello you", True)
    assert render(templates, home) == ("hello you", False)
    folder = templates / "__pycache__" if beside else home / "templates"
    (file,) = folder.iterdir()
    assert {path.name for path in (*templates.iterdir(), *home.iterdir())} == {"page.html", folder.name}
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask, "who installs it is not who runs it"


def test_a_changed_template_is_compiled_anew(templates: Path, home: Path) -> None:
    render(templates, home)
    (templates / "page.html").write_text("goodbye {{ name }}")
    assert render(templates, home) == ("goodbye you", True)
    assert render(templates, home) == ("goodbye you", False)


def test_a_new_version_takes_the_place_of_the_old_one(templates: Path, home: Path) -> None:
    files = DiskCache(templates, home)
    for version in ("1", "2"):
        files.write("page-en", version, version.encode())
    files.write("page-zh", "1", b"zh")
    assert [files.read("page-en", version) for version in ("1", "2")] == [None, b"2"]
    assert files.read("page-zh", "1") == b"zh"
    files.write("page", "3", b"")  # which is no version of the others
    assert files.read("page-zh", "1") == b"zh"


def test_texts_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "en.toml"
    for text in ("one", "two"):
        path.write_text(f'[a]\nb = "{text}"')
        for _ in range(2):
            assert read_toml(path) == {"a": {"b": text}}
    kept = {file.name.partition(".")[0] for file in (tmp_path / "__pycache__").glob("*")}
    assert kept <= {"en"}


def test_without_a_folder_to_write_to_pages_come_all_the_same(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for _ in range(2):
        assert render(templates, None) == ("hello you", True)
    (templates / "__pycache__").write_text("no folder")
    assert render(templates, None) == ("hello you", True)


def test_a_damaged_file_is_replaced(templates: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    render(templates, home)
    (file,) = (home / "templates").iterdir()
    file.write_bytes(file.read_bytes()[:60])
    assert render(templates, home) == ("hello you", True)
    assert render(templates, home) == ("hello you", False)


def test_all_is_made_with_an_installation() -> None:
    command = [sys.executable, "-B", "-W", "error", "-m", "copilot_bridge.http.pages"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
