"""Each page is checked in both languages, light and dark, on small screens, by keyboard.

One visit at a desk and one on a phone for each page: the browser is what costs.
"""

import time
from dataclasses import dataclass

import pytest
from integration.harness import PATIENCE, Bridge
from pages.browsing import LOOKS, ON_A_PHONE, Picture, Visit, barriers, overflow, tabbed
from pages.conftest import OPERATOR
from playwright.sync_api import Page, expect


@dataclass(frozen=True)
class Row:
    """A page.

    :param path: `{request}` stands for the id of a request that has been.
    :param english, chinese: its heading.  :param shows: what else must be seen, of the words on it.
    """

    path: str
    english: str
    chinese: str
    shows: tuple[str, ...] = ()


# Another page is another row.
PAGES = {
    "home": Row("/", "Overview", "运行状况", ("Running now", "The plan", "Today", "Address for your tools")),
    "approvals": Row("/approvals", "Approvals", "审批", ("Approval is off",)),
    "keys": Row("/keys", "Keys", "密钥", ("Make a new key",)),
    "accounts": Row("/auth/device", "GitHub accounts", "GitHub 账号", ("Get a code", "Stored logins")),
    "setup": Row("/setup", "Set up a client", "让客户端接入本服务", ("Send a test request",)),
    "usage": Row("/usage", "Usage", "用量", ("Used up by", "Quota left")),
    "requests": Row("/requests", "Requests", "请求", ("Live", "By conversation")),
    "request": Row("/requests/{request}", "gpt-4o", "gpt-4o", ("Where the time went",)),
    "models": Row("/models", "Models", "模型", ("gpt-4.1",)),
    "try": Row("/models/try", "Try a model", "试用模型", ("Send",)),
    "settings": Row("/settings", "Settings", "设置", ("In force", "Store and versions")),
    "docs": Row("/docs", "Docs", "文档"),
    "nothing": Row("/v1/nothing", "Not found", "页面不存在", ("Go to the home page",)),
}
STRANGERS = {"sign-in": Row("/sign-in", "Sign in", "登录", ("The operator's API key",))}

every_page = pytest.mark.parametrize("name", [*PAGES, *STRANGERS])


@pytest.fixture
def show(visit: Visit, operator: Visit, keyed: Bridge):
    """A page, in whatever browser."""

    def show(name: str, *, chinese: bool = False, **options) -> Page:
        row = PAGES.get(name) or STRANGERS[name]
        language = {"locale": "zh-CN"} if chinese else {}
        visitor = (operator if name in PAGES else lambda **more: visit(keyed, **more))(**language, **options)
        if name == "nothing":
            visitor.expects("404")
        page = visitor.open(filled(row.path, keyed))
        expect(page.get_by_role("heading", level=1)).to_have_text(row.chinese if chinese else row.english)
        return page

    return show


def filled(path: str, bridge: Bridge) -> str:
    if "{request}" not in path:
        return path
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    response = bridge.request("POST", "/v1/chat/completions", body, {"x-api-key": OPERATOR})
    path = path.replace("{request}", response.headers["x-request-id"])
    end = time.monotonic() + PATIENCE
    while bridge.request("GET", path, headers={"x-api-key": OPERATOR, "Accept": "text/html"}).status != 200:
        assert time.monotonic() < end, "rows are written a moment after the answer, but not so late"
    return path


@every_page
def test_a_page_is_accessible_at_a_desk(show, picture: Picture, name: str) -> None:
    page = show(name)
    for words in (PAGES.get(name) or STRANGERS[name]).shows:
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.locator("main .spinner:visible")).to_have_count(0)  # what is asked of GitHub is there
    assert barriers(page) == []
    assert overflow(page) == 0
    picture(page, name)
    page.emulate_media(color_scheme="dark")
    assert barriers(page) == []
    if name in PAGES:
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
    if name != "docs":  # which has hundreds of links, and no control that the other pages do not have
        assert tabbed(page) == []


@every_page
def test_a_page_fits_a_phone(show, picture: Picture, name: str) -> None:
    page = show(name, chinese=True, **ON_A_PHONE)
    expect(page.locator("main .spinner:visible")).to_have_count(0)
    assert overflow(page) == 0
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    picture(page, f"{name}-chinese", LOOKS[:1])


def test_opened_parts_are_closed_by_escape(show) -> None:
    page = show("usage")
    folded = page.locator("main details:not([open])").first
    number = page.locator("main details[open]").count()
    folded.locator("summary").press("Enter")
    expect(page.locator("main details[open]")).to_have_count(number + 1)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("main details[open]")).to_have_count(number)
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_nothing_moves_for_those_who_want_it_so(show) -> None:
    page = show("requests", reduced_motion="reduce")
    page.get_by_role("link", name="Live").press("Enter")
    expect(page.locator(".live-switch.on .dot")).to_have_css("animation-name", "none")


def test_all_pages_are_a_click_away(show) -> None:
    page = show("home")
    main = page.get_by_role("navigation", name="Main")
    listed = [row for name, row in PAGES.items() if name not in ("request", "try", "nothing")]
    expect(main.get_by_role("link")).to_have_count(len(listed))
    for link in main.get_by_role("link").all():
        link.click()
        expect(main.locator("[aria-current=page]")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_every_page_is_there_without_scripts(operator: Visit, keyed: Bridge) -> None:
    """With the way on to what a script would fetch, and nothing that only a script could do."""
    visitor = operator(java_script_enabled=False)
    visitor.expects("404")
    for name, row in PAGES.items():
        page = visitor.open(filled(row.path, keyed))
        expect(page.get_by_role("heading", level=1)).to_have_text(row.english)
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        expect(page.locator(".copy:visible, [data-scripted]:visible")).to_have_count(0)
        for words in row.shows:
            expect(page.get_by_text(words).first, f"{name} without scripts").to_be_visible()
        page.close()
