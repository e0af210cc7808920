"""The door, with a mouse."""

import re

import pytest
from integration.harness import Bridge
from pages.browsing import Picture, Visit
from pages.conftest import OPERATOR
from playwright.sync_api import expect

from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key


def test_only_the_right_key_signs_in(visit: Visit, keyed: Bridge, picture: Picture) -> None:
    visitor = visit(keyed)
    visitor.expects("401")
    page = visitor.open("/setup?client=codex")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    field = page.get_by_label("The operator's API key")
    expect(field).to_be_focused()
    field.fill("no-key-of-yours")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unknown or has been revoked")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("")
    picture(page, "sign-in-wrong")
    field.fill(OPERATOR)
    field.press("Enter")
    expect(page).to_have_url(f"{keyed.url}/setup?client=codex")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/approvals")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_key_for_models_only_does_not_sign_in(visit: Visit, keyed: Bridge) -> None:
    store = open_store(keyed.home)
    try:
        key = store.keys.add(Key("models-only", KEY, b""))
    finally:
        store.close()
    visitor = visit(keyed)
    visitor.expects("403")
    page = visitor.open("/sign-in")
    page.get_by_label("The operator's API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("for models only")
    assert key not in page.content()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_language_and_theme_stay(operator: Visit, script: bool) -> None:
    visitor = operator(java_script_enabled=script)
    page = visitor.open("/setup?client=zed")
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "auto")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("让客户端接入本服务")
    assert page.url.endswith("/setup?client=zed")
    page.get_by_role("link", name="深色").click()
    expect(html).to_have_attribute("data-theme", "dark")
    again = visitor.open("/approvals")
    expect(again.locator("html")).to_have_attribute("data-theme", "dark")
    expect(again.get_by_role("heading", level=1)).to_have_text("审批")
    dark = "getComputedStyle(document.body).backgroundColor"
    if script:
        assert again.evaluate(dark) == "rgb(15, 19, 25)"
    again.get_by_role("link", name="浅色").click()
    again.get_by_role("link", name="English").click()
    expect(again.get_by_role("heading", level=1)).to_have_text("Approvals")
    expect(again.locator("html")).to_have_attribute("data-theme", "light")
