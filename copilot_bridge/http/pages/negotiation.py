"""Chooses between the page for people and the response for programs, where a path has both."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import request

View = TypeVar("View", bound=Callable[..., Any])

PAGE, DATA = "text/html", "application/json"


def wants_page() -> bool:
    """Tell whether a browser asks: it prefers HTML, while programs accept anything, or JSON."""
    accepted = request.accept_mimetypes
    return any(named == PAGE for named, _ in accepted) and bool(accepted[PAGE] > accepted[DATA])


def json_alternate(other: Callable[..., Any], *, key: bool = True) -> Callable[[View], View]:
    """Mark a page's view: clients other than browsers get the response of `other`.

    :param key: `other` requires a key, as the APIs do; False: it is open to everybody.
    """

    def mark(view: View) -> View:
        view.alternate, view.alternate_key = other, key  # type: ignore[attr-defined]
        return view

    return mark
