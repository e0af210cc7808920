"""A path that has a page for people and an answer for programs: who gets which."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import request

View = TypeVar("View", bound=Callable[..., Any])

PAGE, DATA = "text/html", "application/json"


def wants_page() -> bool:
    """A browser asks.  Whoever takes anything (`Accept: */*`, or nothing said) is a program."""
    accepted = request.accept_mimetypes
    return any(named == PAGE for named, _ in accepted) and bool(accepted[PAGE] > accepted[DATA])


def json_alternate(other: Callable[..., Any], *, key: bool = True) -> Callable[[View], View]:
    """Marks a page's view: all but browsers get what `other` answers.

    :param key: `other` is for callers with a key, as the APIs are; else for everybody.
    """

    def mark(view: View) -> View:
        view.alternate, view.alternate_key = other, key  # type: ignore[attr-defined]
        return view

    return mark
