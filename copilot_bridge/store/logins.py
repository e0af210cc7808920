"""The GitHub logins: who they are, their tokens, and which one is used."""

import time
from dataclasses import dataclass

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
    """{"used": "octocat", "logins": {"octocat": {"token", "host", "added"}}}"""

    def __init__(self, files: Files) -> None:
        self._files = files

    def all(self) -> list[Login]:
        content = self._files.read(NAME) or {}
        rows = content.get("logins")
        return [
            Login(user, Secret(row["token"]), str(row.get("host", "")), int(row.get("added", 0)))
            for user, row in (rows.items() if isinstance(rows, dict) else ())
            if isinstance(row, dict) and isinstance(row.get("token"), str)
        ]

    def used(self, host: str) -> Login | None:
        """The one that serves requests, of those that belong to this host."""
        logins = {login.user: login for login in self.all() if login.host == host}
        chosen = (self._files.read(NAME) or {}).get("used")
        return logins.get(str(chosen)) or next(iter(logins.values()), None)

    def add(self, user: str, token: Secret, host: str) -> None:
        """From now on this is the one that is used."""
        with self._files.lock(NAME):
            logins = {login.user: login for login in self.all()}
            logins[user] = Login(user, token, host, int(time.time()))
            self._write(logins, user)

    def remove(self, user: str) -> bool:
        """False if there is no such login."""
        with self._files.lock(NAME):
            logins = {login.user: login for login in self.all()}
            if not logins.pop(user, None):
                return False
            self._write(logins, next(iter(logins), None))
            return True

    def _write(self, logins: dict[str, Login], used: str | None) -> None:
        rows = {
            user: {"token": login.token.reveal(), "host": login.host, "added": login.added}
            for user, login in logins.items()
        }
        self._files.write(NAME, {"used": used, "logins": rows})
