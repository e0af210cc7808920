"""Nothing that goes wrong in a browser goes by unseen."""

import pytest
from integration.harness import Bridge
from pages.browsing import Visitor, barriers, overflow, tabbed
from playwright.sync_api import Browser, Page

INLINE = "document.body.append(Object.assign(document.createElement('script'), { textContent: 'evil()' }))"
IMAGE = (
    "document.body.append(Object.assign(document.createElement('img'), { src: 'http://evil.example/a.png' }))"
)
FETCH = "fetch('http://evil.example/').catch(() => 0)"
THROW = "setTimeout(() => { throw new Error('oh no') })"


@pytest.mark.parametrize(
    ("event", "script", "complaint"),
    [
        ("console", INLINE, "CSP: script-src-elem forbids inline"),
        ("console", IMAGE, "CSP: img-src forbids http://evil.example/a.png"),
        ("console", FETCH, "CSP: connect-src forbids http://evil.example/"),
        ("weberror", THROW, "oh no"),
        ("console", "console.error('alas')", "console: alas"),
        ("requestfailed", "location = 'http://evil.example/'", "foreign request: http://evil.example/"),
    ],
    ids=["inline script", "foreign image", "foreign fetch", "error", "console", "foreign page"],
)
def test_errors_of_a_page_fail_the_test(browser: Browser, keyed: Bridge, event, script, complaint) -> None:
    visitor = Visitor(browser, keyed)
    page = visitor.open("/sign-in")
    words = complaint.removeprefix("console: ")  # a browser has other words of its own for some of these
    seen = (lambda message: words in message.text) if event == "console" else None
    with page.context.expect_event(event, seen):
        page.evaluate(script)
    with pytest.raises(AssertionError, match=complaint):
        visitor.close()


def test_barriers_are_found(browser: Browser, keyed: Bridge) -> None:
    visitor = Visitor(browser, keyed)
    page = visitor.open("/sign-in")
    spoil(page, "label", "(element) => element.remove()")
    spoil(page, "main", "(element) => { element.style.minWidth = '2000px'; }")
    spoil(page, "button.primary", "(element) => { element.tabIndex = -1; }")
    assert any(barrier.startswith("label: ") for barrier in barriers(page))
    assert overflow(page) > 0
    assert ["out of reach" in complaint for complaint in tabbed(page)] == [True]
    visitor.close()


def spoil(page: Page, what: str, how: str) -> None:
    page.locator(what).first.evaluate(how)
