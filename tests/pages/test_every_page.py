"""What holds for each page: in both languages, on small screens, by keyboard, without a script."""

import time
from dataclasses import dataclass

import pytest
from integration.harness import PATIENCE, Bridge
from pages.browsing import LOOKS, ON_A_PHONE, Picture, Visit, barriers, overflow, tabbed
from pages.conftest import OPERATOR
from playwright.sync_api import expect


@dataclass(frozen=True)
class Row:
    """:param path: `{request}` stands for the id of a request that has been.
    :param english, chinese: its heading.  :param shows: what else must be seen, of the words on it.
    """

    path: str
    english: str
    chinese: str
    shows: tuple[str, ...] = ()


# Another page is another row.
PAGES = {
    "home": Row("/", "Overview", "运行状况", ("Today", "Address for your tools")),
    "approvals": Row("/approvals", "Approvals", "审批", ("Approval is off",)),
    "accounts": Row("/auth/device", "GitHub accounts", "GitHub 账号", ("Get a code", "Stored logins")),
    "setup": Row("/setup", "Set up a client", "让客户端接入本服务", ("Send a test request",)),
    "usage": Row("/usage", "Usage", "用量", ("By model", "By key")),
    "requests": Row("/requests", "Requests", "请求", ("Filter",)),
    "request": Row("/requests/{request}", "gpt-4o", "gpt-4o", ("Where the time went",)),
    "models": Row("/models", "Models", "模型", ("gpt-4.1",)),
    "docs": Row("/docs", "Docs", "文档"),
    "nothing": Row("/setup/nothing", "Not found", "页面不存在"),
}
STRANGERS = {"sign-in": Row("/sign-in", "Sign in", "登录", ("The operator's API key",))}

every_page = pytest.mark.parametrize("name", [*PAGES, *STRANGERS])


@pytest.fixture
def show(visit: Visit, operator: Visit, keyed: Bridge):
    """A page, in whatever browser."""

    def show(name: str, *, chinese: bool = False, **options):
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
    answer = bridge.request("POST", "/v1/chat/completions", body, {"x-api-key": OPERATOR})
    path = path.replace("{request}", answer.headers["x-request-id"])
    end = time.monotonic() + PATIENCE
    while bridge.request("GET", path, headers={"x-api-key": OPERATOR, "Accept": "text/html"}).status != 200:
        assert time.monotonic() < end, "rows are written a moment after the answer, but not so late"
    return path


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everybody(show, picture: Picture, name: str, scheme: str) -> None:
    page = show(name, color_scheme=scheme)
    for words in (PAGES.get(name) or STRANGERS[name]).shows:
        expect(page.get_by_text(words).first).to_be_visible()
    assert barriers(page) == []
    assert overflow(page) == 0
    if scheme == "light":
        picture(page, name)


@every_page
@pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
def test_it_fits_a_phone(show, picture: Picture, name: str, chinese: bool) -> None:
    page = show(name, chinese=chinese, **ON_A_PHONE)
    assert overflow(page) == 0
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if chinese else "en")
    if chinese:
        picture(page, f"{name}-chinese", LOOKS[:1])


@every_page
def test_it_works_by_keyboard(show, name: str) -> None:
    page = show(name)
    page.wait_for_load_state("networkidle")  # what is asked of GitHub is there
    assert tabbed(page) == []


@pytest.mark.parametrize("name", ["usage", "setup", "docs"])
def test_escape_closes_open_details(show, name: str) -> None:
    page = show(name)
    folded = page.locator("main details:not([open])").first
    summary = folded.locator("summary")
    number = page.locator("main details[open]").count()
    summary.press("Enter")
    expect(page.locator("main details[open]")).to_have_count(number + 1)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("main details[open]")).to_have_count(number)
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Space")
    expect(page.locator("main details[open]")).to_have_count(number + 1)


def test_nothing_moves_for_those_who_want_it_so(show) -> None:
    page = show("requests", reduced_motion="reduce")
    page.get_by_role("button", name="Live").press("Enter")
    expect(page.locator("[aria-pressed=true] .dot")).to_have_css("animation-name", "none")


@pytest.mark.parametrize("name", PAGES)
def test_the_navigation_can_be_skipped(show, name: str) -> None:
    page = show(name)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@every_page
def test_it_needs_no_script(show, name: str) -> None:
    page = show(name, java_script_enabled=False)
    for words in (PAGES.get(name) or STRANGERS[name]).shows:
        expect(page.get_by_text(words).first).to_be_visible()
    for form in page.locator("form").all():
        expect(form.locator("button").first).to_be_attached()
    expect(page.locator(".copy:visible")).to_have_count(0)
