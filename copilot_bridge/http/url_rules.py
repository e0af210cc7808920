"""Flask's URL rules, made cheaper for a start."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Build = Callable[..., tuple[str, str]]


class LazyRule(Rule):
    """A rule whose functions for making URLs are compiled when they are first called.

    werkzeug compiles two for each rule, which takes half of the time in which an application is put together.
    The APIs make no URLs; the pages do.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Build:
        return LazyRule._first_build_unknown if append_unknown else LazyRule._first_build

    def _first_build(self, **values: Any) -> tuple[str, str]:
        self._build = super()._compile_builder(append_unknown=False).__get__(self, None)
        return self._build(**values)

    def _first_build_unknown(self, **values: Any) -> tuple[str, str]:
        self._build_unknown = super()._compile_builder(append_unknown=True).__get__(self, None)
        return self._build_unknown(**values)
