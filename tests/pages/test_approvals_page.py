"""Yes and no by a click, while a client waits."""

import pytest
from integration.harness import Bridge, Start
from openai import OpenAI
from pages.browsing import ON_A_PHONE, Picture, Visit, barriers, overflow, reload_until
from playwright.sync_api import expect

from copilot_bridge.store import open_store


@pytest.fixture
def asking(start_bridge: Start) -> Bridge:
    return start_bridge(require_approval=1, server="gevent").warm()


def test_yes_and_no(asking: Bridge, visit: Visit) -> None:
    page = visit(asking).open("/approvals")
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    page.evaluate("window.same = true")
    first = asking.ask("may I, please")
    expect(page.get_by_text("may I, please")).to_be_visible()
    expect(page.get_by_text("1 request waits for you").first).to_be_visible()
    expect(page.locator("[data-count=approvals]")).to_contain_text("1")
    expect(page.locator("#announcer")).to_have_text("1 request waits for you")
    assert page.evaluate("window.same"), "the page has been loaded anew"
    assert barriers(page) == []
    page.get_by_role("button", name="Approve: may I, please").click()
    expect(page.get_by_text("Approved. The request continues.")).to_be_visible()
    assert first.status == 200
    assert "may I, please" in first.answer().message["content"]
    second = asking.ask("and may I")
    page.get_by_role("button", name="Deny: and may I").click()
    expect(page.get_by_text("Denied. The client has been informed.")).to_be_visible()
    answer = second.answer()
    assert answer.status == 403
    assert "denied" in answer.error["message"]
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()


def test_all_at_once_on_a_phone(asking: Bridge, visit: Visit, picture: Picture) -> None:
    streams = [asking.ask(f"number {number}") for number in range(3)]
    page = visit(asking, **ON_A_PHONE).open("/approvals")
    expect(page.get_by_text("3 requests wait for you").first).to_be_visible()
    assert overflow(page) == 0
    picture(page, "approvals-waiting")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Approve all").tap()
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()  # or the question is open at the end
    assert [stream.status for stream in streams] == [200] * 3


def test_an_sdk_waits_and_there_is_no_script(asking: Bridge, visit: Visit) -> None:
    """The request is a stream, which is kept awake meanwhile."""
    page = visit(asking, java_script_enabled=False).open("/approvals")
    client = OpenAI(base_url=f"{asking.url}/v1", api_key="none")
    with (
        client,
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "said by an SDK"}], stream=True
        ) as stream,
    ):
        button = page.get_by_role("button", name="Approve: said by an SDK")
        reload_until(page, button)
        button.click()
        expect(page.get_by_text("Approved. The request continues.")).to_be_visible()
        words = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "said by an SDK" in words


def test_a_decision_that_comes_too_late_is_reported(asking: Bridge, visit: Visit) -> None:
    """Somebody else has answered before the page has noticed."""
    stream = asking.ask("for somebody else")
    page = visit(asking, java_script_enabled=False).open("/approvals")
    button = page.get_by_role("button", name="Approve: for somebody else")
    reload_until(page, button)
    store = open_store(asking.home)
    try:
        (question,) = store.approvals.waiting()
        assert store.approvals.decide(question.id, yes=False)
    finally:
        store.close()
    assert stream.status == 403
    button.click()
    expect(page.get_by_text("This request no longer waits")).to_be_visible()
