"""The container without an engine: `start` in exactly the image's environment, and the page's commands."""

import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from integration.harness import PATIENCE, ROOT, Lines, Simulator, new_token
from processes import spawn
from ruamel.yaml import YAML

DOCKERFILE = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
COMPOSE = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]["copilot-bridge"]
PAGE = (ROOT / "docs/deploy-docker.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in re.sub(r"\\\n\s*", " ", block).splitlines()
]
FINAL_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def instruction(name: str) -> list[str]:
    """An instruction in the form of a list."""
    found = re.search(rf"^{name} (\[.*\])$", FINAL_STAGE, re.MULTILINE)
    assert found
    words: list[str] = json.loads(found[1])
    return words


ENTRYPOINT, CMD = instruction("ENTRYPOINT"), instruction("CMD")


def image_environment() -> dict[str, str]:
    (line,) = re.findall(r"^ENV (.+)$", FINAL_STAGE, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in shlex.split(line))


@dataclass
class Container:
    """What an engine would start, with its volume in a folder and its port moved."""

    volume: Path
    environ: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, volume: Path, simulator: Simulator, env_file: str) -> "Container":
        """:param env_file: the text of `.env`, which compose puts into the environment."""
        given = dict(line.split("=", 1) for line in env_file.splitlines())
        moved = {
            "COPILOT_BRIDGE_HOME": str(volume),
            "COPILOT_BRIDGE_PORT": "0",
            "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
            "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
        }
        image = image_environment()
        assert image["COPILOT_BRIDGE_HOME"] == "/data"
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        return cls(volume, {**image, "PATH": path, "HOME": "/data", **given, **moved})

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """As `docker run IMAGE words`, or with what the image runs by itself."""
        program, *fixed = ENTRYPOINT
        assert program == "copilot-bridge"
        process = spawn(
            [sys.executable, "-m", "copilot_bridge", *fixed, *(words or CMD)],
            cwd=self.volume,
            env=self.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def run(self, *words: str) -> str:
        out, _ = self.command(*words).communicate(timeout=PATIENCE)
        return out.decode()


class Running:
    def __init__(self, container: Container) -> None:
        self.process = container.command()
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout)
        found = self.lines.wait_for(lambda line: "Base URL" in line, PATIENCE)
        self.url = re.search(r"(http://\S+)/v1", found)[1]  # type: ignore[index]

    @property
    def key(self) -> str:
        """As a user finds it in the log; "" if there is none."""
        found = re.search(r"^    (cbk_\S+)$", "".join(self.lines.all()), re.MULTILINE)
        return found[1] if found else ""

    def status(self, path: str, key: str = "") -> int:
        """As Docker's network shows a request: from another machine."""
        headers = {"X-Forwarded-For": "172.18.0.1"} | ({"Authorization": f"Bearer {key}"} if key else {})
        asked = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0
        self.lines.close()


@pytest.fixture
def container(tmp_path: Path, simulator: Simulator) -> Container:
    return Container.of(tmp_path / "data", simulator, f"GH_TOKEN={new_token()}")


@pytest.fixture
def volume(container: Container) -> Iterator[Path]:
    container.volume.mkdir(mode=0o700)
    yield container.volume
    for process in container.started:
        if process.poll() is None:  # the test has failed
            process.kill()
            process.communicate()


def test_the_documented_first_start(container: Container, volume: Path) -> None:
    first = Running(container)
    key = first.key
    assert key, first.lines.all()
    assert first.status("/readyz") == 200
    assert first.status("/v1/models") == 401, "nobody without it"
    assert first.status("/v1/models", key) == 200
    assert first.status("/usage", key) == 200, "it opens the pages"
    first.stop()

    # `docker compose restart`: nothing new, and the key is good.
    second = Running(container)
    assert second.key == ""
    assert second.status("/v1/models", key) == 200
    rotated = container.run("keys", "rotate", "first")
    assert re.search(r"^cbk_\S+$", rotated, re.MULTILINE)
    assert second.status("/v1/models", key) == 401
    assert second.status("/v1/models", rotated.split()[0]) == 200
    second.stop()


def test_a_key_of_ones_own_and_the_health_check(container: Container, volume: Path) -> None:
    container.environ["COPILOT_BRIDGE_API_KEY"] = "a-key-of-my-own-choice"
    running = Running(container)
    assert running.key == ""
    assert running.status("/v1/models", "a-key-of-my-own-choice") == 200
    assert health(running) == 0
    running.stop()


def health(running: Running) -> int:
    """The exit code of the image's check."""
    check = json.loads(re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", FINAL_STAGE, re.MULTILINE)[1])  # type: ignore[index]
    code = check[2].replace("http://127.0.0.1:4141", running.url)
    assert code != check[2]
    return subprocess.run([sys.executable, "-c", code], env={}, timeout=PATIENCE, check=False).returncode


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("COPILOT_BRIDGE_MAKE_KEY", "false", "without an API key"),
        ("CACHE", "false", "no store for the key"),
    ],
)
def test_the_container_is_never_open_to_everybody(
    container: Container, volume: Path, setting: str, value: str, words: str
) -> None:
    container.environ[setting] = value
    assert words in container.run(*CMD)


def test_compose_publishes_to_this_machine_only() -> None:
    assert COMPOSE["ports"] == ["127.0.0.1:4141:4141"]
    assert f"EXPOSE {COMPOSE['ports'][0].rpartition(':')[2]}" in FINAL_STAGE
    (volume,) = COMPOSE["volumes"]
    assert f"VOLUME {volume.partition(':')[2]}" in FINAL_STAGE
    assert {"path": ".env", "required": False} in COMPOSE["env_file"]
    assert COMPOSE["stop_grace_period"] == "45s", "longer than streams may go on after a stop"


def test_the_pages_commands_are_ours(container: Container, volume: Path) -> None:
    """Whatever runs in the container is a command of ours that takes these words."""
    inside = [
        re.search(r"(?:run --rm|exec) copilot-bridge (?:copilot-bridge )?(.+)", line) for line in COMMANDS
    ]
    words = [shlex.split(found[1]) for found in inside if found]
    assert ["auth"] in words
    for command in words:
        assert "Usage:" in container.run(*command[:-1], "--help") or command == ["auth"]
    paths = [
        re.search(r"http://127\.0\.0\.1:4141(\S+)", line) for line in COMMANDS if line.startswith("curl")
    ]
    assert {found[1] for found in paths if found} == {"/readyz", "/v1/models"}


def test_the_pages_docker_run_is_as_tight_as_compose() -> None:
    (line,) = (line for line in COMMANDS if line.startswith("docker run"))
    for option in ("--read-only", "--tmpfs /tmp", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert option in line
    assert f"--publish {COMPOSE['ports'][0]} " in line
