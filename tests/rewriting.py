"""Rewrites the asserts of tests that have changed once for all processes of a run, side by side.

pytest does it where it imports a test.  Each process of a run imports all of them, and would take five
seconds for it in a fresh checkout.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
REWRITTEN = "tests/rewritten"  # the time of it, in pytest's cache
FEW = 20  # files, which are not worth the start of processes

loader: Any = None  # pytest's own; in the processes that use it


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the processes of the run are started."""
    config = session.config
    if not config.getoption("numprocesses", None) or not hasattr(os, "fork") or config.cache is None:
        return
    began = time.time()
    changed = [*tests_changed_since(config.cache.get(REWRITTEN, 0.0))]
    if len(changed) > FEW:
        hook = config.pluginmanager.rewrite_hook
        with get_context("fork").Pool(initializer=use, initargs=(hook,)) as pool:
            pool.map(rewrite, changed, chunksize=8)
    config.cache.set(REWRITTEN, began)


def tests_changed_since(moment: float) -> Iterator[Path]:
    for pattern in ("test_*.py", "conftest.py"):
        for path in TESTS.rglob(pattern):
            if path.stat().st_mtime >= moment:
                yield path


def use(hook: Any) -> None:
    global loader
    loader = hook


def rewrite(path: Path) -> None:
    """Have it rewritten and kept, but not run: without builtins its first import fails."""
    spec = spec_from_file_location(path.stem, path, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    vars(module)["__builtins__"] = {}
    with suppress(ImportError, NameError, KeyError):
        loader.exec_module(module)
