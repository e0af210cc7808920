"""The sources of settings: options, environment, credentials, a `.env` file.

The first of these that has a setting wins; without any, its default holds.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
IGNORED = "ignored: "  # before the name of a field: (text, the reason)


def load_config(
    flags: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = None,
) -> Config:
    """The settings in force.

    :param flags: field name -> text, as given on the command line.
    :param env_file: a file that must exist; without it `.env` in the working directory, if there.
    :raises ConfigError: a setting is unknown or malformed.
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
    ignored = {name: given.pop(name) for name in [*given] if name.startswith(IGNORED)}
    values = {name: parse(name, raw, origin) for name, (raw, origin) in given.items()}
    return Config(
        **values,
        origins={name: origin for name, (_, origin) in given.items()},
        ignored=tuple(why for name, (_, why) in ignored.items() if name.removeprefix(IGNORED) not in given),
    )


def flag_source(flags: Mapping[str, str]) -> Source:
    return {name: (raw, f"option {option(name)}") for name, raw in flags.items()}


def variable_source(variables: Mapping[str, str], origin: str) -> Source:
    """The settings among variables.

    :raises ConfigError: a name with our prefix is not a setting.
    """
    unknown = [name for name in variables if name.startswith(PREFIX) and name not in FIELD_OF_VARIABLE]
    if unknown := sorted(set(unknown) - {ENV_FILE}):
        from difflib import get_close_matches

        hint = get_close_matches(unknown[0], FIELD_OF_VARIABLE, n=1)
        # Without its value, which may be a secret under a misspelt name.
        raise ConfigError(
            f"unknown setting {unknown[0]} ({origin}){'; did you mean ' + hint[0] + '?' if hint else ''}"
        )
    found: Source = {}
    # Short aliases come first in the table, so the full name overwrites them.
    for key, name in FIELD_OF_VARIABLE.items():
        if not (raw := variables.get(key)):
            continue
        if key.startswith(PREFIX) or BY_NAME[name].metadata["plausible"](raw):
            found[name] = (raw, f"{origin}: {key}")
        else:
            found[IGNORED + name] = (raw, reason_ignored(key, name, raw, origin))
    return found


def reason_ignored(key: str, name: str, raw: str, origin: str) -> str:
    shown = "" if BY_NAME[name].metadata["secret"] else f" {redact(raw)!r}"
    where = "the environment" if origin == "environment" else origin
    return (
        f"{key} (from {where}) is ignored: its value{shown} is meant for another program; "
        f"{PREFIX}{name.upper()} sets {name.replace('_', '-')} here"
    )


def credential_source(environ: Mapping[str, str]) -> Source:
    """Secrets as systemd's `LoadCredential=` and containers provide them: a file each, like `github-token`.

    :raises ConfigError: a file can't be read.
    """
    directory = environ.get(CREDENTIALS)
    files = (
        {declared.name: Path(directory, declared.name.replace("_", "-")) for declared in SECRETS}
        if directory
        else {}
    )
    found = {name: (read_credential(file), str(file)) for name, file in files.items()}
    return {name: given for name, given in found.items() if given[0]}


def read_credential(file: Path) -> str:
    """The content of a credential; empty if there is no such file."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"can't read the credential {file}: {reason}") from error


def parse(name: str, raw: str, origin: str) -> Any:
    try:
        return BY_NAME[name].metadata["parse"](raw)
    except (ValueError, RuntimeError) as error:  # RuntimeError: "~nobody" in a path
        shown = HIDDEN if BY_NAME[name].metadata["secret"] else repr(without_password(raw))
        raise ConfigError(f"{name.replace('_', '-')}: {shown} ({origin}): {error}") from error


def find_env_file(environ: Mapping[str, str], given: Path | None) -> Path | None:
    """The `.env` file, if there is one; an empty COPILOT_BRIDGE_ENV_FILE excludes it."""
    if named := given or environ.get(ENV_FILE):
        return Path(named).expanduser()
    default = Path(".env")
    try:
        return default if ENV_FILE not in environ and default.is_file() else None
    except PermissionError:  # `sudo -u copilot-bridge ...` in somebody's private home
        return None


def read_env_file(path: Path) -> dict[str, str]:
    """The variables in a `.env` file.

    :raises ConfigError: it can't be read, or a line is not NAME=value.
    """
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"can't read the settings in {path}: {reason}") from error
    for binding in bindings:
        if binding.error or (binding.key and binding.value is None):
            raise ConfigError(f"{path}, line {binding.original.line}: expected NAME=value")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
