"""The login to GitHub in a browser, which the simulator plays the other end of."""

import re
from collections.abc import Callable

import pytest
import requests
from integration.harness import PATIENCE, Bridge, Simulator, Start, new_token
from pages.browsing import PHONE, Picture, Visit, Visitor, barriers, follow, overflow
from playwright.sync_api import Page, expect

CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}$")


@pytest.fixture
def empty(start_bridge: Start) -> Bridge:
    """Nobody is logged in, and no key is asked for."""
    return start_bridge(github_token="", server="gevent")


@pytest.fixture
def begin(simulator: Simulator, empty: Bridge, visit: Visit) -> Callable[..., Page]:
    """The page, with a code on it whose polls GitHub answers like this."""

    def begin(*responses: str, visitor: Visitor | None = None, **script: object) -> Page:
        tell(simulator, *responses, **script)
        page = (visitor or visit(empty, permissions=["clipboard-read", "clipboard-write"])).open(
            "/auth/device"
        )
        page.get_by_role("button", name="Get a code").or_(
            page.get_by_role("button", name="Log in with")
        ).click()
        expect(page.get_by_label("Your code")).to_have_text(CODE)
        return page

    return begin


def tell(simulator: Simulator, *responses: str, **script: object) -> None:
    body = {"interval": 1, "responses": list(responses), **script}
    assert requests.post(f"{simulator.url}/_simulator/device", json=body, timeout=PATIENCE).ok


def test_one_login_is_made_and_another_added(
    begin, picture: Picture, simulator: Simulator, empty: Bridge
) -> None:
    page = begin("authorization_pending", "success", token=new_token())
    code = page.get_by_label("Your code").inner_text()
    page.get_by_role("button", name="Copy the code").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == code
    link = page.get_by_role("link", name="Open GitHub's page")
    expect(link).to_have_attribute("href", f"{simulator.url}/login/device")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator("[data-countdown]")).to_have_text(re.compile(r"^1[45]:\d\d$"))
    expect(page.get_by_text("Waiting for you to enter the code").first).to_be_visible()
    assert barriers(page) == []
    picture(page, "accounts-code")
    done = page.get_by_text("Logged in as octo-demo")
    expect(done.first).to_be_visible()
    expect(page.locator(".login")).to_contain_text("Copilot Business")
    expect(page.locator("#announcer")).to_have_text("Logged in as octo-demo")
    tell(simulator, "success", token=new_token("individual"))
    page.get_by_role("button", name="Log in with another account").click()
    expect(page.get_by_text("Logged in as octo-individual").first).to_be_visible()
    assert barriers(page) == []
    picture(page, "accounts-done")
    page.reload()
    stored = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Remove"))
    expect(stored).to_have_count(2)
    chosen = stored.filter(has=page.locator(".badge.success"))
    expect(chosen).to_contain_text("octo-individual")
    page.get_by_role("button", name="Make octo-demo the default").click()
    expect(chosen).to_contain_text("octo-demo")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Remove octo-individual").click()
    expect(stored).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove octo-individual").click()
    expect(stored).to_have_count(1)
    assert empty.chat("hello").status == 200


@pytest.mark.parametrize(
    ("responses", "script", "words"),
    [
        (["expired_token"], {}, "The code has expired"),
        (["authorization_pending"], {"expires_in": 2}, "The code has expired"),
        (["access_denied"], {}, "The login was refused"),
        (["device_flow_disabled"], {}, "The login failed"),
    ],
    ids=["expired", "expired by the clock", "denied", "failed"],
)
def test_an_end_and_again(
    begin, picture: Picture, simulator: Simulator, responses, script, words: str
) -> None:
    page = begin(*responses, **script)
    code = page.get_by_label("Your code").inner_text()
    expect(page.get_by_text(words).first).to_be_visible()
    expect(page.locator("#announcer")).to_have_text(words)
    assert barriers(page) == []
    picture(page, f"accounts-{words.split()[-1]}")
    tell(simulator, "authorization_pending")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Your code")).to_have_text(CODE)
    assert page.get_by_label("Your code").inner_text() != code


def test_slower_checks_are_shown_and_a_login_is_cancelled(begin) -> None:
    page = begin("slow_down")
    expect(page.get_by_text("GitHub asked for fewer checks: now every 6 s.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Get a code")).to_be_visible()


def test_a_login_works_without_scripts_on_a_phone(begin, empty: Bridge, visit: Visit) -> None:
    visitor = visit(empty, java_script_enabled=False, viewport=PHONE)
    page = begin("success", visitor=visitor, token=new_token())
    assert overflow(page) == 0
    look = page.get_by_role("link", name="Check now")
    done = page.get_by_text("Logged in as octo-demo")
    while not done.count():  # GitHub is asked when it is time: at the earliest after the interval
        follow(look)
    expect(done.first).to_be_visible()
