"""What `make dist` has built works in an empty folder, on a machine with nothing but Python."""

import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import spawn

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
BASE_URL = re.compile(r"Base URL\s+(http://\S+)/v1")
SECONDS = 60  # that a program may take to respond


def built(pattern: str) -> Path:
    (path,) = DIST.glob(pattern)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def environ(home: Path) -> dict[str, str]:
    """Nothing of the checkout's, nor of its virtual environment's."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    folders = (str(Path(sys.base_prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin")
    return kept | {"PATH": os.pathsep.join(folders), "HOME": str(home), "LANG": "C.UTF-8"}


def run(command: list[str | Path], home: Path, seconds: float = SECONDS) -> str:
    done = subprocess.run(
        command, cwd=home, env=environ(home), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(home: Path) -> Path:
    """A virtual environment with the wheel and what it needs."""
    folder = home / "venv"
    venv.create(folder, with_pip=True)
    install(folder, home, built("*.whl"))
    return folder


def install(environment: Path, home: Path, *what: str | Path) -> None:
    pip = [environment / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run([*pip, *what], home, 300)


@contextmanager
def started(command: list[str | Path], home: Path) -> Iterator[str]:
    """The URL of a bridge on its simulator, which is stopped afterwards as a person would."""
    bridge = spawn(
        [*command, "start", "--simulate", "--port", "0"],
        cwd=home,
        env=environ(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert bridge.stdout
        output = ""
        while not (found := BASE_URL.search(output)):
            line = bridge.stdout.readline()
            assert line, output
            output += line
        yield found[1]
    finally:
        bridge.terminate()
        rest, _ = bridge.communicate(timeout=30)
    assert bridge.returncode == 0, output + rest


def ask(url: str) -> str:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        content: str = json.load(response)["choices"][0]["message"]["content"]
    return content


def browse(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"accept": "text/html"})
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        page: bytes = response.read()
    return page


def try_out(command: list[str | Path], home: Path) -> None:
    """The version, the help, a response and a page, each of which needs other files of the package."""
    assert built("*.whl").name.split("-")[1] in run([*command, "--version"], home)
    assert "start" in run([*command, "--help"], home)
    run([*command, "keys", "list"], home)
    with started(command, home) as url:
        assert "Hello!" in ask(url)
        for page in ("/", "/docs"):
            assert b"</html>" in browse(url + page)


def test_the_wheel_works_when_installed(environment: Path, home: Path) -> None:
    try_out([environment / "bin/copilot-bridge"], home)


def test_the_wheel_says_where_the_project_is(environment: Path, home: Path) -> None:
    shown = run([environment / "bin/python", "-m", "pip", "show", "--verbose", "copilot-bridge"], home)
    for name in ("Documentation", "Changelog", "Issues", "Security"):
        assert f"{name}, https://" in shown


def test_the_source_distribution_works_when_installed(environment: Path, home: Path) -> None:
    install(environment, home, "--no-deps", "--force-reinstall", built("*.tar.gz"))
    try_out([environment / "bin/python", "-m", "copilot_bridge"], home)


def test_the_source_distribution_has_what_a_checkout_has() -> None:
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    with tarfile.open(built("*.tar.gz")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    only_of_the_repository = {name for name in tracked if name.startswith(".")}
    assert set(tracked) - held == only_of_the_repository


def test_the_single_file_works_alone(home: Path) -> None:
    try_out([Path(sys.base_prefix) / "bin/python3", built("*.pyz")], home)


def test_the_single_file_starts_by_itself(home: Path) -> None:
    assert "copilot-bridge, version" in run([built("*.pyz"), "--version"], home)
