"""Lines for a client, a key for it, and a request to see whether it works."""

import json
import re

import pytest
from integration.harness import Bridge, Simulator, Start, new_token
from pages.browsing import PHONE, Picture, Visit, barriers, overflow
from playwright.sync_api import Page, expect

from copilot_bridge.clients import CLIENTS


def lines(page: Page) -> str:
    return "\n".join(page.locator("#chosen pre").all_inner_texts())


def test_the_lines_follow_the_choice(operator: Visit, keyed: Bridge) -> None:
    visitor = operator(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open("/setup")
    settings = json.loads(page.locator("#file-1").inner_text())
    assert settings["env"]["ANTHROPIC_BASE_URL"] == keyed.url
    assert settings["env"]["ANTHROPIC_AUTH_TOKEN"] == "YOUR_KEY"
    page.evaluate("window.same = true")
    page.get_by_label("A key that you have").fill("my-own-key-1")
    page.get_by_label("Client").focus()
    page.get_by_label("Client").select_option("openai-sdk")
    expect(page.locator("#lines")).to_have_text(
        f"export OPENAI_BASE_URL={keyed.url}/v1\nexport OPENAI_API_KEY=my-own-key-1"
    )
    expect(page.get_by_label("Client")).to_be_focused()
    page.get_by_label("System and shell").select_option("windows")
    expect(page.locator("#lines")).to_contain_text("$env:OPENAI_API_KEY = 'my-own-key-1'")
    page.get_by_label("Model").select_option("gpt-4.1")
    expect(page.locator("#check")).to_contain_text("model='gpt-4.1'")
    page.locator(".code").filter(has=page.locator("#lines")).get_by_role("button", name="Copy").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#lines").inner_text()
    assert page.evaluate("window.same"), "the page has been loaded anew"
    assert page.url.endswith("/setup?client=openai-sdk&model=gpt-4.1&system=windows")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("#lines")).to_contain_text("$env:OPENAI_API_KEY = 'YOUR_KEY'")


@pytest.mark.parametrize("client", CLIENTS)
def test_wide_lines_scroll_within_their_box(
    operator: Visit, keyed: Bridge, picture: Picture, client: str
) -> None:
    """Wide lines scroll within their box."""
    visitor = operator(viewport=PHONE, locale="zh-CN")
    page = visitor.open(f"/setup?client={client}&system=macos")
    assert keyed.url in lines(page)
    assert overflow(page) == 0
    assert barriers(page) == []
    picture(page, f"setup-{client}")


def test_a_key_that_can_not_be_put_in_safely(operator: Visit) -> None:
    page = operator().open("/setup?client=aider")
    field = page.get_by_label("A key that you have")
    before = lines(page)
    for unsafe in ("a key 'of' mine", "$(date) and more", "12345678", "short"):
        field.fill(unsafe)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("This can't be inserted safely")).to_be_visible()
        assert lines(page) == before
    field.fill("model: openai-api-key"[-14:])  # words that stand in the lines already
    assert lines(page) != before
    field.fill("")
    assert lines(page) == before
    expect(page.get_by_text("This can't be inserted safely")).to_be_hidden()


def test_a_new_key_can_be_made_for_a_client(operator: Visit, keyed: Bridge, picture: Picture) -> None:
    visitor = operator()
    page = visitor.open("/setup?client=codex")
    page.get_by_text("Make a new key").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Expires").select_option("30d")
    page.get_by_label("Client").select_option("opencode")
    expect(page.locator("#file-1")).to_contain_text("opencode.ai")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    assert key.startswith("cbk_")
    assert keyed.request("GET", "/v1/models", headers={"x-api-key": key}).status == 200
    assert keyed.request("GET", "/usage.json", headers={"x-api-key": "cbk_none"}).status == 401
    assert key in page.locator("#file-1").inner_text()
    assert barriers(page) == []
    picture(page, "setup-key")
    page.get_by_label("Client").select_option("codex")
    expect(page.locator("#lines")).to_have_text(f"export BRIDGE_KEY={key}")
    page.goto("/setup?client=codex")
    assert key not in page.content()
    visitor.expects("400")
    page.get_by_text("Make a new key").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert").filter(has_text="laptop")).to_contain_text("already")
    expect(page.get_by_label("Name")).to_have_value("laptop")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("client", ["claude-code", "codex", "llm"])  # one of each dialect
def test_a_test_request_shows_its_result(
    operator: Visit, simulator: Simulator, client: str, script: bool
) -> None:
    page = operator(java_script_enabled=script).open(f"/setup?client={client}")
    page.get_by_role("button", name="Send a test request").click()
    expect(page.locator("#trial")).to_contain_text(re.compile(r"It works: \S+ responded in [\d,]+ ms"))
    expect(page.locator("#trial .quote")).to_contain_text("simulated")
    if script:
        expect(page.get_by_role("button", name="Send a test request")).to_be_focused()
        assert barriers(page) == []


def test_a_failed_test_request_says_why(start_bridge: Start, visit: Visit, picture: Picture) -> None:
    bridge = start_bridge(github_token=new_token("overquota"), server="gevent").warm()
    page = visit(bridge).open("/setup?client=openai-sdk&model=gpt-4o")
    expect(page.get_by_text("This bridge needs no key.")).to_be_visible()
    assert "OPENAI_API_KEY=anything" in lines(page)
    page.get_by_role("button", name="Send a test request").click()
    expect(page.get_by_role("alert")).to_contain_text("quota")
    assert barriers(page) == []
    picture(page, "setup-failed")
    logged = bridge.log.wait_for(lambda line: "/v1/chat/completions" in line)
    assert "402" in logged or "429" in logged


def test_github_is_out_of_reach(start_bridge: Start, visit: Visit) -> None:
    nobody = "http://127.0.0.1:9"
    bridge = start_bridge(github_url=nobody, github_api_url=nobody, connect_timeout=1, server="gevent")
    page = visit(bridge).open("/setup?client=codex")
    expect(page.get_by_text("The models of your plan can't be looked up")).to_be_visible()
    field = page.get_by_label("Model")
    expect(field).to_have_attribute("placeholder", "gpt-5.3-codex")
    field.fill("gpt-5.1")
    field.press("Enter")
    expect(page.locator("#file-1")).to_contain_text('model = "gpt-5.1"')
    page.get_by_role("button", name="Send a test request").click()
    expect(page.locator("#trial [role=alert]")).to_be_visible()


def test_the_page_works_without_a_script(operator: Visit) -> None:
    page = operator(java_script_enabled=False).open("/setup")
    expect(page.get_by_label("A key that you have")).to_be_hidden()
    page.get_by_label("Client").select_option("cline")
    page.get_by_role("button", name="Show the settings").click()
    expect(page.locator("#command")).to_contain_text("cline auth openai --apikey YOUR_KEY")
    page.get_by_text("Make a new key").click()
    page.get_by_label("Name").fill("no-script")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    expect(page.locator("#command")).to_contain_text(f"--apikey {key}")
