"""Imports point down: what a room may know of the others.  The table is as strict as today's code allows."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "copilot_bridge"
FILES = sorted(PACKAGE.rglob("*.py"))

# room -> the rooms that it may import
LAYERS: dict[str, set[str]] = {
    "redaction": set(),
    "threads": set(),
    "waits": set(),
    "billing": set(),
    "private_files": set(),
    "shared_memory": {"private_files"},
    "status": set(),
    "errors": {"redaction"},
    "config": {"errors", "redaction"},
    "logs": {"errors", "redaction"},
    "metrics": {"logs"},
    "streaming": {"errors"},
    "search": {"dialects", "errors", "models", "upstream"},
    "websocket": set(),
    "models": {"billing"},
    "dialects": {"errors"},
    "counting": {"dialects", "models"},
    "clients": {"errors"},
    "access": {"billing", "config", "errors", "redaction", "shared_memory", "store", "waits"},
    "store": {"billing", "errors", "private_files", "redaction", "shared_memory", "waits"},
    "upstream": {
        "billing",
        "config",
        "dialects",
        "errors",
        "models",
        "redaction",
        "streaming",
        "waits",
        "websocket",
    },
    "pipeline": {
        "access",
        "billing",
        "clients",
        "config",
        "counting",
        "dialects",
        "errors",
        "logs",
        "metrics",
        "models",
        "search",
        "status",
        "store",
        "streaming",
        "threads",
        "upstream",
        "waits",
    },
    "admin": {
        "access",
        "billing",
        "dialects",
        "errors",
        "logs",
        "models",
        "pipeline",
        "redaction",
        "search",
        "store",
        "upstream",
    },
    "openapi": {"dialects", "errors"},
    "http": {
        "access",
        "dialects",
        "errors",
        "pipeline",
        "logs",
        "openapi",
        "status",
        "streaming",
        "threads",
        "websocket",
    },
    "http.pages": {
        "access",
        "admin",
        "billing",
        "clients",
        "config",
        "dialects",
        "errors",
        "pipeline",
        "http",
        "logs",
        "models",
        "openapi",
        "redaction",
        "status",
        "store",
        "threads",
        "upstream",
        "waits",
    },
    "app": {"config", "pipeline", "http", "http.pages"},
    "serving": {"app", "config", "dialects", "errors", "logs", "streaming", "http"},
    "cli": {
        "access",
        "admin",
        "app",
        "billing",
        "clients",
        "config",
        "errors",
        "pipeline",
        "logs",
        "models",
        "private_files",
        "redaction",
        "search",
        "serving",
        "store",
        "upstream",
        "waits",
    },
    "__main__": {"cli"},
    "simulator": set(),  # or a bug would agree with itself
    "__init__": set(),
}

# What each room may import that is neither ours nor of the standard library.
OUTSIDE: dict[str, set[str]] = {
    "dialects": {"msgspec", "orjson", "xxhash"},
    "counting": {"imagesize", "tiktoken", "tiktoken_ext"},
    "clients": {"ruamel", "tomlkit"},
    "errors": set(),
    "redaction": set(),
    "threads": {"gevent"},
    "billing": {"msgspec"},
    "private_files": set(),
    "shared_memory": {"filelock"},
    "streaming": {"gevent", "requests", "urllib3"},
    "websocket": {"websockets"},
}

# A pure room does no I/O and looks at no clock.
IMPURE = {
    "asyncio",
    "datetime",
    "gevent",
    "io",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "socket",
    "ssl",
}
IMPURE |= {"subprocess", "tempfile", "threading", "time", "urllib", "uuid"}


# A room inside a room: the rest of `http` may not import the pages.
INNER = {"http.pages"}


def room_of(path: Path) -> str:
    return room(path.relative_to(PACKAGE).with_suffix("").parts)


def room(parts: Sequence[str]) -> str:
    """Name the room of a module, which is given by its parts below the package."""
    inner = ".".join(parts[:2])
    return inner if inner in INNER else parts[0]


def statements(path: Path) -> Iterator[ast.AST]:
    """All of them; expressions, which are most of a module, hold no statement."""
    pending: list[ast.AST] = [ast.parse(path.read_bytes())]
    while pending:
        node = pending.pop()
        yield node
        for block in ("body", "orelse", "handlers", "finalbody", "cases"):
            pending += getattr(node, block, ())


def imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in statements(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


@cache
def imported(path: Path) -> set[str]:
    """Full names: `from copilot_bridge import logs` names the room just as `import copilot_bridge.logs`."""
    names = set()
    for node in imports(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_in(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path)]
    return {room(name[1:]) for name in parts if name[0] == "copilot_bridge" and name[1:] != ["__version__"]}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_rooms_import_downwards(path: Path) -> None:
    room = room_of(path)
    assert rooms_in(path) - {room} <= LAYERS[room]


def test_there_is_a_down() -> None:
    """No room may import, by whatever way round, one that may import it."""
    below: dict[str, set[str]] = {}
    while ready := [room for room in LAYERS if room not in below and LAYERS[room] <= below.keys()]:
        below |= {room: LAYERS[room] for room in ready}
    assert below.keys() == LAYERS.keys()


def test_the_table_is_about_the_rooms_that_exist() -> None:
    assert {room_of(path) for path in FILES} == LAYERS.keys()


@pytest.mark.parametrize("room", LAYERS)
def test_each_allowed_import_is_used(room: str) -> None:
    used = {other for path in FILES if room_of(path) == room for other in rooms_in(path)}
    assert used - {room} == LAYERS[room]


def test_nobody_imports_the_simulator() -> None:
    """Not the tests of the product either: it is a process of its own."""
    outside = [path for path in FILES if room_of(path) != "simulator"]
    assert [name(path) for path in outside if "simulator" in rooms_in(path)] == []


def test_imports_are_absolute() -> None:
    """One test for all files, or each process of a run would read all of them."""
    relative = re.compile(r"^\s*from\s+\.", re.MULTILINE)
    files = [*FILES, *(ROOT / "tests").rglob("*.py")]
    assert [name(path) for path in files if relative.search(path.read_text())] == []


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) in OUTSIDE], ids=name)
def test_some_rooms_know_little_of_the_world(path: Path) -> None:
    known = {*sys.stdlib_module_names, "copilot_bridge"}
    assert {module.split(".")[0] for module in imported(path)} - known <= OUTSIDE[room_of(path)]


PURE = [path for path in FILES if room_of(path) in ("clients", "dialects")]
# Of a part of a module that is pure: paths as text, and text as a file.
HARMLESS = {"pathlib.PurePath", "io.StringIO"}


@pytest.mark.parametrize("path", PURE, ids=name)
def test_some_rooms_are_pure(path: Path) -> None:
    assert not {module.split(".")[0] for module in imported(path) - HARMLESS} & IMPURE


def test_there_is_one_way_to_wait() -> None:
    """gevent spares us the second: no `async`."""
    asynchronous = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    # Whoever does any of it has to write the word.
    suspects = [path for path in FILES if room_of(path) != "simulator" and b"async " in path.read_bytes()]
    trees = {path: ast.walk(ast.parse(path.read_bytes())) for path in suspects}
    found = [path for path, nodes in trees.items() if any(isinstance(node, asynchronous) for node in nodes)]
    assert [name(path) for path in found] == []
