"""Flask's URL rules, made cheaper for a start."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Build = Callable[..., tuple[str, str]]


class LazyRule(Rule):
    """A rule whose functions for making URLs are compiled when its first URL is made.

    werkzeug compiles two for each rule, which takes half of the time in which an application is put together.
    The APIs make no URLs; the pages do.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Build:
        compile_builder = super()._compile_builder
        compiled: list[Build] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build
