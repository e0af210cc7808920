"""Yes and no by a click, while a client waits."""

import re

import pytest
from integration.harness import KEEPALIVE, Bridge, Start
from openai import OpenAI
from pages.browsing import ON_A_PHONE, Picture, Visit, barriers, overflow, reload_until
from playwright.sync_api import expect

from copilot_bridge.store import open_store


@pytest.fixture
def asking(start_bridge: Start) -> Bridge:
    return start_bridge(require_approval=1, keepalive=KEEPALIVE, server="gevent").warm()


PLACE = "(button) => button.getBoundingClientRect().top + scrollY"


def test_responses_stay_where_they_are_given(asking: Bridge, visit: Visit, picture: Picture) -> None:
    visitor = visit(asking, **ON_A_PHONE)
    page, other = visitor.open("/approvals"), visitor.open("/usage")
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    page.evaluate("window.same = true")
    streams = [asking.ask(f"may I, {name}") for name in ("ann", "bob", "cid", "dan")]
    expect(page.get_by_text("4 requests wait for you").first).to_be_visible()
    expect(page.locator("[data-count=approvals]")).to_contain_text("4")
    expect(page.locator("#announcer")).to_have_text("4 requests wait for you")
    expect(page).to_have_title("(4) Approvals · Copilot Bridge")
    other.bring_to_front()
    expect(other.get_by_role("link", name="4 requests wait for your approval")).to_be_visible()
    expect(other).to_have_title("(4) Usage · Copilot Bridge")
    page.bring_to_front()
    expect(page.locator(".countdown").first).to_have_text(re.compile(r"^4:\d\d$"))
    assert barriers(page) == []
    assert overflow(page) == 0
    picture(page, "approvals-waiting")
    last = page.get_by_role("button", name="Deny: may I, dan")
    place = last.evaluate(PLACE)
    page.get_by_role("button", name="Approve: may I, ann").tap()
    expect(page.locator(".answered", has_text="Approved")).to_be_visible()
    assert streams[0].status == 200
    expect(page.get_by_text("3 requests wait for you").first).to_be_visible()
    assert last.evaluate(PLACE) == place, "no button moves under a finger"
    last.tap()
    expect(page.locator(".answered", has_text="Denied")).to_be_visible()
    response = streams[3].response()
    assert (response.status, "denied" in response.error["message"]) == (403, True)
    page.get_by_role("button", name="Allow all requests of 127.0.0.1 for 15 minutes").first.tap()
    assert [stream.status for stream in streams[1:3]] == [200, 200]
    assert asking.ask("without a question").status == 200
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    assert page.evaluate("window.same"), "the page has been loaded anew"
    page.get_by_role("button", name="Ask me again").tap()
    expect(page.get_by_role("button", name="Ask me again")).to_have_count(0)
    last_one = asking.ask("again")
    expect(page.get_by_role("button", name="Approve: again")).to_be_visible()
    last_one.close()


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
