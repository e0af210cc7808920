"""The calls of the CLI by names and fixed values; values that vary are replaced by their kind."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
Said = dict[str, Any]  # header or field -> value

FILE = Path(__file__).with_name("golden.json")

# (what a value looks like, what is written instead), the first that fits the whole value.
WHOLE = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"st_[0-9a-f]+"), "<session token>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<host>"),
    (re.compile(r"[A-Za-z0-9+/]{22}=="), "<key>"),
    (re.compile(r"[A-Za-z0-9+/=]{100,}"), "<opaque id>"),
    (re.compile(r"(gpt|claude|gemini|grok|kimi|mai)-[\w.-]+"), "<model>"),
)
WITHIN = (
    (re.compile(r"\bgho_\S+"), "<token>"),
    (re.compile(r"\(\w+ v[\d.]+\)"), "(<platform> <node>)"),
)
NUMBERS = frozenset({"content-length", "max_tokens", "max_completion_tokens", "id", "progressToken"})
MAX_LENGTH = 40  # characters of a text in a body that is taken for a fixed one
VERSION = "<version>"

NEWS = pytest.StashKey[list[str]]()
"""What the newest version does otherwise, for the end of the run."""


def name_of(entry: Json) -> str:
    """The name of a request: its method and path, and its difference from others there."""
    headers, body = entry["headers"], entry["body"]
    kind = headers.get("mcp-method") or headers.get("x-interaction-type")
    if entry["method"] == "WEBSOCKET":
        kind = f"{'first' if 'previous_response_id' not in body else 'later'} frame, {body['initiator']}"
    return f"{entry['method']} {entry['path']}" + (f", {kind}" if kind else "")


def version_in(entries: Iterable[Json]) -> str:
    """The CLI's, as it says it."""
    agents = (entry["headers"].get("user-agent", "") for entry in entries)
    return next(match[1] for agent in agents if (match := re.match(r"copilot/([\d.]+)", agent)))


def observe(entries: Iterable[Json], version: str) -> Json:
    """All calls by name.

    A header or field that not each of them has ends with `?`; several values are a list.
    """
    seen: dict[str, list[tuple[Said, Said]]] = defaultdict(list)
    for entry in entries:
        # The headers of a frame are those of its upgrade, but for what it says itself.
        own = entry["body"]["headers"] if entry["method"] == "WEBSOCKET" else entry["headers"]
        body = entry["body"] if isinstance(entry["body"], dict) else {}
        body = {name: value for name, value in body.items() if name != "headers"}
        seen[name_of(entry)].append(
            (
                {name: kind_of(name, value, version) for name, value in own.items()},
                {name: shorten(kind_of(name, value, version)) for name, value in body.items()},
            )
        )
    return {
        name: {
            "headers": merge([headers for headers, _ in calls]),
            "body": merge([body for _, body in calls]),
        }
        for name, calls in sorted(seen.items())
    }


def platform_free(agent: str) -> str:
    """A `User-Agent` that names the platform alone, with a kind in its place."""
    return re.sub(r"\((\w+)\)", "(<platform>)", agent)


def shorten(value: Any) -> Any:
    """What is written for people or by them."""
    if isinstance(value, dict):
        return {name: shorten(entry) for name, entry in value.items()}
    written = isinstance(value, str) and not value.startswith("<")
    return "<text>" if written and (" " in value or len(value) > MAX_LENGTH) else value


def kind_of(name: str, value: Any, version: str) -> Any:
    if isinstance(value, list):
        return "<list>"
    if isinstance(value, dict):
        return {key: kind_of(key, entry, version) for key, entry in value.items()}
    if name in NUMBERS:
        return "<number>"
    return text_of(value, version) if isinstance(value, str) else value


def text_of(value: str, version: str) -> str:
    for pattern, kind in WHOLE:
        if pattern.fullmatch(value):
            return kind
    for pattern, kind in WITHIN:
        value = pattern.sub(kind, value)
    return value.replace(version, VERSION)


def merge(calls: list[Said]) -> Said:
    found: Said = {}
    for name in sorted({name for call in calls for name in call}):
        values = [call[name] for call in calls if name in call]
        distinct = [value for index, value in enumerate(values) if value not in values[:index]]
        mark = "" if len(values) == len(calls) else "?"
        found[name + mark] = distinct[0] if len(distinct) == 1 else sorted(distinct, key=json.dumps)
    return found


def read() -> Json:
    golden: Json = json.loads(FILE.read_text())
    return golden


def write(calls: Json, version: str) -> None:
    about = "Made by `make test-official ARGS=--write-golden`: what GitHub's Copilot CLI says in each call."
    content = {"about": about, "version": version, "calls": calls}
    FILE.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def differences(before: Json, now: Json) -> Iterator[str]:
    """A line on each."""
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield f"{name}: not called any more"
        elif name not in before:
            yield f"{name}: new, with {json.dumps(now[name])}"
        else:
            for part in ("headers", "body"):
                yield from lines(f"{name}: {part}", before[name][part], now[name][part])


def lines(where: str, before: Said, now: Said) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield f"{where}: {name} is gone; it was {json.dumps(before[name])}"
        elif name not in before:
            yield f"{where}: {name} is new: {json.dumps(now[name])}"
        elif before[name] != now[name]:
            yield f"{where}: {name} is {json.dumps(now[name])}; it was {json.dumps(before[name])}"
