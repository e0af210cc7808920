"""One Chromium for all tests of a process, and a bridge with a little past behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.harness import Bridge, Start
from pages.browsing import NAMES, PATIENCE, Picture, Visit, find_chromium, launch, take_pictures, visitors
from playwright.sync_api import Browser, expect, sync_playwright

HERE = Path(__file__).parent

# seconds for a test and what it needs: on a busy machine Chromium alone may take a minute to begin.
LONGEST = 240
expect.set_options(timeout=PATIENCE)

OPERATOR = "key-of-the-operator"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", type=Path, metavar="DIR", help="Save a picture of each page there, to be looked at."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip(f"NO BROWSER: none of {', '.join(NAMES)} is there, and CHROMIUM names none")
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a browser of somebody's own; what goes wrong in it fails the test in the end."""
    with visitors(browser) as visit:
        yield visit


@pytest.fixture(scope="session")
def keyed(_launch: Start) -> Iterator[Bridge]:
    """It asks for a key, and has served some requests, not all of them well."""
    bridge = _launch(api_key=OPERATOR, workers=2, honor_retry_after=0).warm_up(OPERATOR)
    known = {"x-api-key": OPERATOR}
    for model, words in (("gpt-4o", "hello"), ("claude-sonnet-4.5", "hello"), ("gpt-none", "hello")):
        body = {"model": model, "messages": [{"role": "user", "content": words}]}
        bridge.request("POST", "/v1/chat/completions", body, known)
    yield bridge
    bridge.stop()


@pytest.fixture(scope="session")
def session(browser: Browser, keyed: Bridge) -> dict:
    """The cookies of somebody who has signed in."""
    with visitors(browser) as visit:
        visitor = visit(keyed)
        visitor.sign_in(OPERATOR)
        state: dict = visitor.context.storage_state()
    return state


@pytest.fixture
def operator(visit: Visit, keyed: Bridge, session: dict) -> Visit:
    """Browsers of somebody who is signed in."""

    def operator(**options: object) -> object:
        return visit(keyed, storage_state=session, **options)

    return operator  # type: ignore[return-value]


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Picture:
    """For people to look at."""
    folder: Path | None = request.config.getoption("--screenshots")

    def picture(*what: Any) -> None:
        if folder is not None:
            take_pictures(what[0], folder, *what[1:])

    return picture
