"""No test is passed over in silence."""

from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_each_file_of_tests_is_found(pytestconfig: pytest.Config) -> None:
    """A bare name leaves out every folder that is called so, and of two files of one name one is not run."""
    left_out = [TESTS.parent / folder for folder in pytestconfig.getini("norecursedirs") if folder != ".*"]
    assert [folder for folder in left_out if folder.parent != TESTS or not folder.is_dir()] == []
    files = [path for path in TESTS.rglob("test_*.py") if not {*path.parents}.intersection(left_out)]
    assert [name for name, times in Counter(path.name for path in files).items() if times > 1] == []
