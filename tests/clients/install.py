"""Installs programs of a `package.json` with npm, outside the checkout, once for each set of versions.

Python packages get an environment of their own.

There is no lock file: they depend on nothing but their own binaries, whose versions they pin.
"""

import os
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

NPM = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
NEEDED = "npm, which comes with Node.js (20 or newer), is needed to install {}, and was not found"


def cache() -> Path:
    """`CLIENTS_CACHE`, else a folder in the user's cache."""
    given = os.environ.get("CLIENTS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given).absolute() if given else Path(base) / "copilot-bridge" / "clients"


CACHE = cache()  # at import, before a test moves the home


@dataclass(frozen=True)
class Programs:
    """What a `package.json` names, in a folder of its own.

    :param what: their names and size, for whoever waits.
    """

    wanted: Path
    folder: Path
    what: str

    @property
    def programs(self) -> Path:
        return self.folder / "node_modules" / ".bin"

    @property
    def _done(self) -> Path:
        """A copy of the package.json, once all of it is there."""
        return self.folder / "installed.json"

    def is_installed(self) -> bool:
        return self._done.exists() and self._done.read_bytes() == self.wanted.read_bytes()

    def install(self, newest: tuple[str, ...] = ()) -> None:
        """:param newest: packages of which the newest version is wanted, whichever is there."""
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit(NEEDED.format(self.what))
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            if self.is_installed() and not newest:
                return
            print(f"Installing {self.what} in {self.folder} ...", flush=True)
            self._done.unlink(missing_ok=True)
            shutil.copy(self.wanted, self.folder / "package.json")
            packages = [f"{name}@latest" for name in newest]
            if subprocess.run([npm, *NPM, *packages], cwd=self.folder).returncode:
                raise SystemExit(f"npm could not install {self.what} in {self.folder}")
            shutil.copy(self.wanted, self._done)


AGENTS = Programs(
    Path(__file__).with_name("package.json"),
    CACHE,
    "Claude Code, Codex, opencode and the Gemini CLI (1.2 GB)",
)

SDKS = Programs(
    Path(__file__).parent / "javascript" / "package.json",
    CACHE / "javascript",
    "the packages of OpenAI, Anthropic, Google, Ollama and Vercel for JavaScript (120 MB)",
)


@dataclass(frozen=True)
class Packages:
    """Python packages that would disturb those of the tests, in an environment of their own."""

    wanted: Path
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self) -> None:
        done = self.folder / "installed.txt"
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            if done.exists() and done.read_bytes() == self.wanted.read_bytes():
                return
            print(f"Installing {self.wanted} in {self.folder} ...", flush=True)
            venv.create(self.folder, with_pip=True)
            command = (self.python, "-m", "pip", "install", "--quiet", "-r", self.wanted)
            if subprocess.run(command).returncode:
                raise SystemExit(f"pip could not install {self.wanted} in {self.folder}")
            shutil.copy(self.wanted, done)


PACKAGES = Packages(Path(__file__).parent / "python" / "requirements.txt", CACHE / "python")

if __name__ == "__main__":
    AGENTS.install()
    SDKS.install()
    PACKAGES.install()
