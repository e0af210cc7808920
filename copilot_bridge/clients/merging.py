"""Merges a few values into settings that somebody wrote, and leaves the rest as it is.

Comments and layout stay.  The result is read again by another parser before it is returned; settings in a
form that can't be kept are refused.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from io import StringIO
from typing import Any

from copilot_bridge.clients.jsonc import rewrite
from copilot_bridge.errors import ConfigError

# The keys that identify the entries of a list.
IDENTITY_KEYS = ("model_id", "name")

# Strings, comments, and trailing commas.
COMMENT_OR_COMMA = re.compile(
    r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/|,(?=\s*(?:(?://[^\n]*|/\*.*?\*/)\s*)*[}\]])', re.DOTALL
)


class ByHandError(ConfigError):
    """The settings are valid, but only a person can safely change them."""


@dataclass(frozen=True)
class IfMissing:
    """A value that is written only where there is none."""

    value: Any


@dataclass(frozen=True)
class Format:
    """The functions for a format of settings.

    :param load: parses into an object that keeps comments and layout.  :param dump: the inverse; it also gets
        the old text.
    :param read: parses into plain values.
    """

    load: Callable[[str], Any]
    dump: Callable[[Any, str], str]
    read: Callable[[str], Any]


def edit_settings(text: str, kind: str, wanted: Any) -> str:
    """Merge `wanted` into the settings; the text stays the same if it is there already.

    :param kind: a key of FORMATS.  :param wanted: nested values; None: must not be there.
    :raises ByHandError: the change would lose something.  :raises ConfigError: the text is invalid.
    """
    mark, text = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    windows, plain = "\r\n" in text, text.replace("\r\n", "\n")
    empty: Any = [] if isinstance(wanted, list) else {}
    settings_format = FORMATS[kind]
    before = settings_format.read(plain) if plain.strip() else empty
    if before is None:  # YAML with nothing but comments
        before = empty
    after = merged(before, wanted)
    if repr(after) == repr(before) and plain.strip():  # in Python True == 1, but not for a client
        return mark + text
    holder = settings_format.load(plain) if plain.strip() else settings_format.load("")
    if holder is None:
        if plain.strip():
            raise ByHandError("it has nothing but comments")
        holder = empty
    merge(holder, wanted)
    result = settings_format.dump(holder, plain)
    if settings_format.read(result) != after:
        raise ByHandError("it is written in a way that can't be changed safely")
    return mark + (result.replace("\n", "\r\n") if windows else result)


def read_settings(text: str, kind: str) -> Any:
    """The content as plain values.  Raises ConfigError."""
    return FORMATS[kind].read(text.removeprefix("\ufeff").replace("\r\n", "\n"))


def merged(old: Any, wanted: Any) -> Any:
    """A merged copy."""
    copy = deepcopy(old)
    merge(copy, wanted)
    return copy


def merge(old: Any, wanted: Any, path: str = "") -> None:
    """Merge in place: objects by name, lists of objects by their identity keys; the rest is replaced.

    :raises ByHandError: the old value is neither an object nor a list, but has to become one.
    """
    if isinstance(wanted, list):
        merge_list(expect(old, list, path), wanted, path)
        return
    expect(old, MutableMapping, path)
    for name, value in wanted.items():
        here = f"{path}.{name}".lstrip(".")
        if value is None:
            old.pop(name, None)
        elif isinstance(value, IfMissing):
            if name not in old:
                old[name] = value.value
        elif isinstance(value, Mapping | list) and old.get(name) is not None:
            merge(old[name], value, here)
        elif name not in old or old[name] != value or isinstance(old[name], bool) != isinstance(value, bool):
            old[name] = to_plain(value)


def merge_list(old: list[Any], wanted: list[Any], path: str) -> None:
    for value in wanted:
        if not isinstance(value, Mapping):
            if value not in old:
                old.append(value)
            continue
        key = next(name for name in IDENTITY_KEYS if name in value)
        same = [entry for entry in old if isinstance(entry, Mapping) and entry.get(key) == value[key]]
        if same:
            merge(same[0], value, f"{path}[{value[key]}]")
        else:
            old.append(to_plain(value))


def expect(value: Any, kind: Any, path: str) -> Any:
    if not isinstance(value, kind):
        what = "a list" if kind is list else "an object"
        raise ByHandError(f"{path or 'the whole of it'} is not {what}")
    return value


def to_plain(value: Any) -> Any:
    """The value as it is written into a new place."""
    if isinstance(value, IfMissing):
        return value.value
    if isinstance(value, Mapping):
        return {name: to_plain(entry) for name, entry in value.items() if entry is not None}
    return [to_plain(entry) for entry in value] if isinstance(value, list) else value


# --- JSON


def read_json(text: str) -> Any:
    """Parse JSON, also with comments and trailing commas.  Raises ConfigError."""
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        with suppress(json.JSONDecodeError):
            return parse_json(COMMENT_OR_COMMA.sub(lambda match: match[1] or " ", text))
        raise ConfigError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError("it is nested too deeply") from error


def parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=reject_duplicates)


def reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ByHandError("a name occurs twice in the same object")
    return found


def write_json(content: Any, old: str) -> str:
    return rewrite(old, content) if old.strip() else json.dumps(content, indent=2, ensure_ascii=False) + "\n"


# --- TOML


def read_toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(str(error)) from error


def load_toml(text: str) -> Any:
    import tomlkit  # here, as no other format needs it
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(str(error)) from error


def write_toml(content: Any, _old: str) -> str:
    import tomlkit

    return tomlkit.dumps(content)


# --- YAML


def read_yaml(text: str) -> Any:
    return yaml(text, "safe")


def load_yaml(text: str) -> Any:
    return yaml(text, "rt")


def yaml(text: str, kind: str) -> Any:
    from ruamel.yaml import YAML  # here, as no other format needs it
    from ruamel.yaml.error import YAMLError

    reader = YAML(typ=kind, pure=True)
    reader.preserve_quotes = True
    try:
        return reader.load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{at}{getattr(error, 'problem', None) or error}") from error


# Of the entries of a list: how far its dash is indented.
DASH = re.compile(r"^[^\s#-][^\n]*:[ \t]*\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", re.MULTILINE)


def write_yaml(content: Any, old: str) -> str:
    from ruamel.yaml import YAML

    writer = YAML(typ="rt", pure=True)
    writer.width = 1_000_000  # do not fold long lines
    dash = DASH.search(old)
    offset = len(dash[1]) if dash else 0 if old.lstrip().startswith("- ") or isinstance(content, list) else 2
    writer.indent(mapping=2, sequence=offset + 2, offset=offset)
    if re.search(r"^---", old, re.MULTILINE):
        writer.explicit_start = True
    into = StringIO()
    writer.dump(content, into)
    return into.getvalue()


FORMATS: dict[str, Format] = {
    "json": Format(lambda text: read_json(text) if text else None, write_json, read_json),
    "toml": Format(load_toml, write_toml, read_toml),
    "yaml": Format(load_yaml, write_yaml, read_yaml),
}
