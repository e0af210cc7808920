"""Keys: made, shown until they are copied, changed, replaced and revoked, by clicks."""

import pytest
from integration.harness import Bridge, Start
from pages.browsing import Picture, Visit, barriers
from pages.conftest import OPERATOR
from playwright.sync_api import expect


@pytest.fixture
def own(start_bridge: Start) -> Bridge:
    return start_bridge(api_key=OPERATOR, server="gevent")


def test_a_key_is_made_changed_and_revoked(own: Bridge, visit: Visit, picture: Picture) -> None:
    visitor = visit(own, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.sign_in(OPERATOR)
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Models").fill("gpt-*")
    page.get_by_label("Budget").fill("5 lightyears")
    visitor.expects("400")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("expected a budget like")
    expect(page.get_by_label("Models")).to_have_value("gpt-*")
    page.get_by_label("Budget").fill("5 usd/week")
    page.get_by_role("button", name="Make the key").click()
    page.locator(".new-key").get_by_role("button", name="Copy").first.click()
    expect(page.locator(".toast")).to_have_text("Copied")
    key = page.evaluate("navigator.clipboard.readText()")
    assert page.locator("#new-key").inner_text() == key
    assert barriers(page) == []
    picture(page, "keys-new")
    page.get_by_role("link", name="Dark").click()
    page.get_by_role("link", name="中文").click()
    page.reload()
    expect(page.locator("#new-key")).to_have_text(key)
    expect(page.get_by_role("img", name="QR").or_(page.locator("svg.qr"))).to_be_visible()
    page.get_by_role("link", name="English").click()
    assert ask(own, key, "gpt-4o") == 200
    assert ask(own, key, "claude-sonnet-4.5") == 403
    page.get_by_role("button", name="I have copied it").click()
    expect(page.locator("#new-key")).to_have_count(0)
    listed = page.locator(".keys > li")
    expect(listed).to_contain_text("of US$ 5 a week")
    listed.get_by_text("Change").click()
    listed.get_by_label("Models").fill("")
    listed.get_by_role("textbox", name="Budget").fill("")
    listed.get_by_role("button", name="Save").click()
    expect(page.get_by_text("laptop has been changed.")).to_be_visible()
    assert ask(own, key, "claude-sonnet-4.5") == 200
    listed.get_by_text("Change").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Replace the key laptop").click()
    new = page.locator("#new-key").inner_text()
    assert (ask(own, key, "gpt-4o"), ask(own, new, "gpt-4o")) == (401, 200)
    listed.get_by_text("Change").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke the key laptop").click()
    expect(page.get_by_text("laptop has been revoked.")).to_be_visible()
    assert ask(own, new, "gpt-4o") == 401


def ask(bridge: Bridge, key: str, model: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return bridge.request("POST", "/v1/chat/completions", body, {"x-api-key": key}).status
