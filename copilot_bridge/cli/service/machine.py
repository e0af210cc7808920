"""The machine that a service is installed on."""

import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from copilot_bridge.cli.service.files import NAME

# Folders that the unit hides from the service, whatever their permissions.
HIDDEN = tuple(map(Path, ("/root", "/home", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - none is written to
ENTER = 0o001  # the permission of all others


def running_archive(program: str | None = None) -> Path | None:
    """The self-contained file that this program was started from; None: it is installed.

    pip's launchers on Windows are archives, too, but of an installed program.
    """
    path = Path(sys.argv[0] if program is None else program)
    return path.resolve() if path.suffix != ".exe" and zipfile.is_zipfile(path) else None


@dataclass(frozen=True)
class Machine:
    """The machine and the installed program, as a service needs to know them.

    :param package: the folder of the program's code.
    :param archive: the self-contained file that holds the program, if it is not installed.
    """

    platform: str = sys.platform
    home: Path = field(default_factory=Path.home)
    root: bool = field(default_factory=lambda: hasattr(os, "geteuid") and os.geteuid() == 0)
    user: int = field(default_factory=lambda: os.getuid() if hasattr(os, "getuid") else 0)
    python: Path = Path(sys.executable)
    package: Path = Path(__file__).parents[2]
    archive: Path | None = field(default_factory=running_archive)
    account: str = field(
        default_factory=lambda: "\\".join(filter(None, map(os.environ.get, ("USERDOMAIN", "USERNAME"))))
    )
    has_systemd: bool = field(default_factory=lambda: shutil.which("systemctl") is not None)

    @property
    def program(self) -> Path:
        return self.python.with_name(NAME)

    def out_of_reach(self) -> Iterator[tuple[Path, Path]]:
        """The files that the program needs and a service's user can't reach, as (path, closed folder).

        A virtual environment's Python is often a link to one below a home directory.
        """
        for needed in (self.python, self.python.resolve(), self.package, self.package.resolve()):
            for folder in reversed(needed.parents):
                if folder in HIDDEN or is_closed(folder):
                    yield needed, folder
                    break


def is_closed(folder: Path) -> bool:
    """Return whether others can't enter the folder; one that does not exist yet is no obstacle."""
    try:
        return not folder.stat().st_mode & ENTER
    except OSError:
        return False
