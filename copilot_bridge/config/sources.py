"""Where settings come from: options, environment, credentials, a `.env` file.

The first of these that names a setting wins; the last word is its default.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from copilot_bridge.config.settings import (
    BY_NAME,
    ENV_FILE,
    FIELD_OF_VARIABLE,
    PREFIX,
    SECRETS,
    Config,
    option,
)
from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import HIDDEN, redact, without_password

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd's name

Source = dict[str, tuple[str, str]]  # field name -> (text, where it was found)
PASSED_OVER = "passed over: "  # before the name of a field: (text, why it does not count)


def load_config(
    flags: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = None,
) -> Config:
    """The settings in force.  Raises ConfigError: a setting is unknown or malformed.

    :param flags: field name -> text, as given on the command line.
    :param env_file: a file that must exist; without it `.env` in the working directory, if there.
    """
    environ = os.environ if environ is None else environ
    sources = [
        flag_source(flags or {}),
        variable_source(environ, "environment"),
        credential_source(environ),
    ]
    if file := find_env_file(environ, env_file):
        sources.append(variable_source(read_env_file(file), str(file)))
    given: dict[str, tuple[str, str]] = {}
    for source in sources:
        given = source | given
    passed_over = {name: given.pop(name) for name in [*given] if name.startswith(PASSED_OVER)}
    values = {name: parse(name, raw, origin) for name, (raw, origin) in given.items()}
    return Config(
        **values,
        origins={name: origin for name, (_, origin) in given.items()},
        passed_over=tuple(
            why for name, (_, why) in passed_over.items() if name.removeprefix(PASSED_OVER) not in given
        ),
    )


def flag_source(flags: Mapping[str, str]) -> Source:
    return {name: (raw, f"option {option(name)}") for name, raw in flags.items()}


def variable_source(variables: Mapping[str, str], place: str) -> Source:
    """Raises ConfigError: a name with our prefix that is no setting."""
    unknown = [name for name in variables if name.startswith(PREFIX) and name not in FIELD_OF_VARIABLE]
    if unknown := sorted(set(unknown) - {ENV_FILE}):
        hint = difflib.get_close_matches(unknown[0], FIELD_OF_VARIABLE, n=1)
        # Not its value: it may be a secret under a misspelt name.
        raise ConfigError(
            f"unknown setting {unknown[0]} ({place}){'; did you mean ' + hint[0] + '?' if hint else ''}"
        )
    found: Source = {}
    # Short aliases come first in the table, so the full name overwrites them.
    for key, name in FIELD_OF_VARIABLE.items():
        if not (raw := variables.get(key)):
            continue
        if key.startswith(PREFIX) or BY_NAME[name].metadata["meant"](raw):
            found[name] = (raw, f"{place}: {key}")
        else:
            found[PASSED_OVER + name] = (raw, passing_over(key, name, raw, place))
    return found


def passing_over(key: str, name: str, raw: str, place: str) -> str:
    shown = "" if BY_NAME[name].metadata["secret"] else f" {redact(raw)!r}"
    where = "the environment" if place == "environment" else place
    return (
        f"{key} (from {where}) is passed over: its value{shown} is meant for another program; "
        f"{PREFIX}{name.upper()} sets {name.replace('_', '-')} here"
    )


def credential_source(environ: Mapping[str, str]) -> Source:
    """Secrets as systemd's `LoadCredential=` and containers give them: a file each, like `github-token`.

    :raises ConfigError: there is one, and it can't be read.
    """
    directory = environ.get(CREDENTIALS)
    files = {each.name: Path(directory, each.name.replace("_", "-")) for each in SECRETS} if directory else {}
    found = {name: (read_credential(file), str(file)) for name, file in files.items()}
    return {name: given for name, given in found.items() if given[0]}


def read_credential(file: Path) -> str:
    """Empty if there is none."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"can't read the credential {file}: {reason}") from error


def parse(name: str, raw: str, origin: str) -> Any:
    try:
        return BY_NAME[name].metadata["parse"](raw)
    except (ValueError, RuntimeError) as error:  # RuntimeError: "~nobody" in a path
        shown = HIDDEN if BY_NAME[name].metadata["secret"] else repr(without_password(raw))
        raise ConfigError(f"{name.replace('_', '-')}: {shown} ({origin}): {error}") from error


def find_env_file(environ: Mapping[str, str], given: Path | None) -> Path | None:
    """An empty COPILOT_BRIDGE_ENV_FILE means: none at all."""
    if named := given or environ.get(ENV_FILE):
        return Path(named).expanduser()
    usual = Path(".env")
    try:
        return usual if ENV_FILE not in environ and usual.is_file() else None
    except PermissionError:  # `sudo -u copilot-bridge ...`, in a home that is its owner's alone
        return None


def read_env_file(path: Path) -> dict[str, str]:
    """Raises ConfigError: not there, not readable, or a line that is no NAME=value."""
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"can't read the settings in {path}: {reason}") from error
    for binding in bindings:
        if binding.error or (binding.key and binding.value is None):
            raise ConfigError(f"{path}, line {binding.original.line}: expected NAME=value")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
