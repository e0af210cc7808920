"""Logins that other Copilot tools left on this machine.

The files' form: {"github.com:Iv1.b507a08c87ecfe98": {"user": "octocat", "oauth_token": "ghu_…"}}.
Source: copilot.vim and CopilotChat.nvim.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.device_login import read_object
from copilot_bridge.upstream.hosts import Hosts

FILES = ("apps.json", "hosts.json")


class EditorLogin(Struct, frozen=True):
    """A login from an editor's file.  `login`: "" if the file names none."""

    login: str
    token: Secret
    path: Path


def find_editor_logins(hosts: Hosts, environ: Mapping[str, str], home: Path) -> list[EditorLogin]:
    """The logins to `hosts.github` that editors keep, each token once."""
    paths = [folder / name for folder in editor_folders(environ, home) for name in FILES]
    found: dict[Secret, EditorLogin] = {}
    for path in paths:
        for login in read_logins(path, urlsplit(hosts.github).hostname or ""):
            found.setdefault(login.token, login)
    return list(found.values())


def editor_folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    config = environ.get("XDG_CONFIG_HOME")
    parents = [Path(config) if config else home / ".config"]
    if local := environ.get("LOCALAPPDATA"):
        parents.append(Path(local))
    return [parent / "github-copilot" for parent in parents]


def read_logins(path: Path, host: str) -> Iterator[EditorLogin]:
    """The logins in a file; none if it is missing or has another form."""
    # Whole names only: a token for mygithub.com must not be sent to github.com.
    names_host = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", re.IGNORECASE)
    try:
        content = read_object(path.read_bytes())
    except OSError:
        return
    for key, entry in content.items():
        token = entry.get("oauth_token") if isinstance(entry, dict) else None
        if names_host.search(key) and isinstance(token, str) and re.fullmatch(r"[\w.-]+", token, re.ASCII):
            yield EditorLogin(str(entry.get("user") or ""), Secret(token), path)
