"""Each agent, run without a person: in a home of its own, with no network but the bridge."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients.install import AGENTS
from integration.harness import NOWHERE
from processes import spawn

LONGEST = 90.0  # seconds; a run takes one to five on an idle machine
XDG = ("CONFIG", "DATA", "CACHE", "STATE")


@dataclass(frozen=True)
class Sandbox:
    """Where an agent runs, and the bridge that it is to use."""

    home: Path
    url: str

    @property
    def work(self) -> Path:
        return self.home / "work"

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environment(self) -> dict[str, str]:
        """Nothing of the developer's settings and logins; whatever is not on loopback goes nowhere."""
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in XDG}
        proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}
        own = {"HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8"}
        return {"PATH": os.environ["PATH"], **own, **folders, **proxies}


@dataclass(frozen=True)
class Launch:
    """A command whose prompt comes on stdin.

    :param settings: environment variables.  :param programs: the folder of the command's program.
    """

    command: list[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    programs: Path = AGENTS.programs


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Agent = Callable[[Sandbox, str], Launch]
"""Writes an agent's settings for a model."""


def claude(sandbox: Sandbox, model: str) -> Launch:
    settings = {
        "ANTHROPIC_BASE_URL": sandbox.url,
        "ANTHROPIC_AUTH_TOKEN": "anything",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    # Without permissions at all it refuses to run as root.
    allowed = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]
    return Launch(["claude", "--print", "--model", model, *allowed], settings)


CODEX = """
model = "{model}"
model_provider = "bridge"
{more}

[model_providers.bridge]
name = "bridge"
base_url = "{url}/v1"
wire_api = "responses"
{key}
"""

# With a command for the key Codex asks the provider for its models, with a variable it does not.
BY_COMMAND = """
[model_providers.bridge.auth]
command = "sh"
args = ["-c", "echo $BRIDGE_KEY"]
"""
BY_VARIABLE = 'env_key = "BRIDGE_KEY"'


def codex(sandbox: Sandbox, model: str, more: str = "", key: str = BY_COMMAND) -> Launch:
    sandbox.write(".codex/config.toml", CODEX.format(model=model, url=sandbox.url, more=more, key=key))
    options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return Launch(["codex", "exec", *options, "-"], {"BRIDGE_KEY": "anything"})


def codex_on_websocket(sandbox: Sandbox, model: str) -> Launch:
    return codex(sandbox, model, key=f"supports_websockets = true\n{BY_VARIABLE}")


def codex_as(known: str) -> Agent:
    """Codex with the tools that it keeps for a model it knows; those of other names get the simplest."""

    def launch(sandbox: Sandbox, model: str) -> Launch:
        listing = run(Launch(["codex", "debug", "models", "--bundled"]), sandbox, "")
        (row,) = [row for row in json.loads(listing.out)["models"] if row["slug"] == known]
        path = sandbox.write("models.json", json.dumps({"models": [row | {"slug": model}]}))
        return codex(sandbox, model, f'model_catalog_json = "{path}"', BY_VARIABLE)

    return launch


def gemini(sandbox: Sandbox, model: str) -> Launch:
    sandbox.write(".gemini/settings.json", '{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
    settings = {
        "GOOGLE_GEMINI_BASE_URL": sandbox.url,
        "GEMINI_API_KEY": "anything",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }
    return Launch(["gemini", "--approval-mode", "yolo", "--model", model], settings)


def opencode(package: str) -> Agent:
    """:param package: of the provider: it is what decides which API is spoken."""

    def launch(sandbox: Sandbox, model: str) -> Launch:
        options = {"baseURL": f"{sandbox.url}/v1", "apiKey": "anything"}
        provider: dict[str, Any] = {
            "npm": package,
            "name": "bridge",
            "options": options,
            "models": {model: {}},
        }
        config = {
            "provider": {"bridge": provider},
            "permission": "allow",
            "autoupdate": False,
            "share": "disabled",
        }
        sandbox.write("work/opencode.json", json.dumps(config))
        settings = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
        return Launch(["opencode", "run", "--model", f"bridge/{model}"], settings)

    return launch


def run(launch: Launch, sandbox: Sandbox, prompt: str) -> Ended:
    """Runs it to its end, and ends what it leaves behind.

    :raise AssertionError: it took too long.
    """
    program, *arguments = launch.command
    sandbox.work.mkdir(parents=True, exist_ok=True)
    process = spawn(
        [str(launch.programs / program), *arguments],
        cwd=sandbox.work,
        env={**sandbox.environment(), **launch.settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(prompt, LONGEST)
    except subprocess.TimeoutExpired:
        end_group(process.pid)
        out, err = process.communicate()
        raise AssertionError(f"{program} took more than {LONGEST} s\n{out}\n{err}") from None
    finally:
        end_group(process.pid)
    return Ended(process.returncode, out, err)


def end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
