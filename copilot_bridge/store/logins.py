"""The GitHub logins: who they are, their tokens, and which one of a host is used."""

import time
from dataclasses import dataclass
from typing import Any

from copilot_bridge.redaction import Secret
from copilot_bridge.store.files import Files

NAME = "logins"


@dataclass(frozen=True)
class Login:
    """:param host: the GitHub API it belongs to, like https://api.github.com.  :param added: unix seconds."""

    user: str
    token: Secret
    host: str
    added: int


class Logins:
    """{"logins": [{"user", "token", "host", "added"}, ...]}; the last one of a host is the one in use."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def all(self) -> list[Login]:
        rows = (self._files.read(NAME) or {}).get("logins")
        return [login for row in (rows if isinstance(rows, list) else ()) if (login := read_row(row))]

    def used(self, host: str) -> Login | None:
        """The one that serves requests, of those that belong to this host."""
        return next((login for login in reversed(self.all()) if login.host == host), None)

    def add(self, user: str, token: Secret, host: str) -> None:
        """From now on this is the one that is used."""
        with self._files.lock(NAME):
            others = [login for login in self.all() if (login.user, login.host) != (user, host)]
            self._write([*others, Login(user, token, host, int(time.time()))])

    def remove(self, user: str, host: str) -> bool:
        """False if there is no such login."""
        with self._files.lock(NAME):
            logins = self.all()
            others = [login for login in logins if (login.user, login.host) != (user, host)]
            if others != logins:
                self._write(others)
            return others != logins

    def _write(self, logins: list[Login]) -> None:
        rows = [
            {"user": login.user, "token": login.token.reveal(), "host": login.host, "added": login.added}
            for login in logins
        ]
        self._files.write(NAME, {"logins": rows})


def read_row(row: Any) -> Login | None:
    """None for what is no login: one damaged row does not cost the others."""
    if not isinstance(row, dict) or not all(
        isinstance(row.get(key), str) for key in ("user", "token", "host")
    ):
        return None
    added = row.get("added")
    if not isinstance(added, int) or not 0 <= added < 1 << 32:
        added = 0
    return Login(row["user"], Secret(row["token"]), row["host"], added)
