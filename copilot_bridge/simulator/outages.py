"""Paths that are not there, or fail, for one account: as its persona has it, or as a test sets it.

A path is that of a route, without a host: `/auto`, `/models/session`, `/mcp/readonly`; `ws:/responses` is the
upgrade of `GET /responses`.  It responds with a status, or `never`: not until the client leaves.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from copilot_bridge.simulator.personas import Persona
from copilot_bridge.simulator.refusals.forms import misuse, plain
from copilot_bridge.simulator.refusals.refusal import Refused

NEVER = "never"

State = int | str
"""A status from 400 to 599, or NEVER."""


class Outages:
    """Outages that a test has set, by GitHub token; they go before those of the persona."""

    def __init__(self) -> None:
        self._set: dict[str, dict[str, State]] = {}

    def change(self, github_token: str, paths: Mapping[str, State | None]) -> None:
        """None takes back what was set before; what the persona has counts again."""
        mine = self._set.setdefault(github_token, {})
        for path, state in paths.items():
            if state is None:
                mine.pop(path, None)
            else:
                mine[path] = state

    def at(self, path: str, github_token: str, persona: Persona) -> State | None:
        return self._set.get(github_token, {}).get(path, persona.outages.get(path))


def refuse_with(status: int) -> NoReturn:
    """Responds with one line of text, as the front door does.

    :raise Refused: always.
    """
    raise Refused(plain(status, f"{status} {HTTPStatus(status).phrase.lower()}", "not available"))


def read_paths(paths: object, known: frozenset[str]) -> dict[str, State | None]:
    """The paths and their states that a test posts.

    :raise Refused: unknown paths, or states that there are not.
    """
    if not isinstance(paths, dict) or not paths:
        raise Refused(misuse('an outage wants paths: {PATH: STATUS, "never" or null}'))
    for path, state in paths.items():
        if path not in known:
            raise Refused(misuse(f"there is no path {path}; there are: {', '.join(sorted(known))}"))
        if not is_state(state):
            raise Refused(misuse(f'{path} can\'t be {state!r}: an error status, "never" or null'))
    return paths


def is_state(given: Any) -> bool:
    return given is None or given == NEVER or given in ERRORS


ERRORS = frozenset(status.value for status in HTTPStatus if status >= 400)
