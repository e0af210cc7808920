"""The log, what used the plan up, and the catalogue: found by clicks, by the keyboard and by touch."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import KEEPALIVE, Bridge, Start
from pages.browsing import ON_A_PHONE, Picture, Visit, barriers, follow, overflow
from playwright.sync_api import Page, expect
from rows import fill, rows

from copilot_bridge.store import open_store

PHONE_CALLER = "key:phone"

MIDDLES = """(fields) => fields.map((field) => field.getBoundingClientRect())
  .map((place) => place.top + place.height / 2)"""


@pytest.fixture(scope="module")
def short(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """With 300 rows, those of `rows(300)`."""
    home = tmp_path_factory.mktemp("short")
    fill(home, 300).close()
    bridge = _launch(home=home, honor_retry_after=0).warm()
    yield bridge
    bridge.stop()


def ids(page: Page) -> list[str]:
    """Wait for the page of the present address to be complete."""
    page.wait_for_load_state("domcontentloaded")
    return page.locator("#rows tr").evaluate_all("(rows) => rows.map((row) => row.id.slice(2))")


def newest_first(**wanted: str) -> list[str]:
    """Ids of the 300 rows."""
    column = {"key": "caller", "model": "model", "outcome": "outcome"}
    fitting = (
        row for row in rows(300) if all(getattr(row, column[name]) == value for name, value in wanted.items())
    )
    return [row.id for row in fitting][::-1]


def test_a_request_is_found_by_filters_and_left_again(short: Bridge, visit: Visit, tmp_path: Path) -> None:
    page = visit(short, timezone_id="Asia/Shanghai").open("/requests")
    expect(page.get_by_text("Times are in Asia/Shanghai.")).to_be_visible()
    page.get_by_label("Key", exact=True).select_option(PHONE_CALLER)
    expect(page).to_have_url(re.compile(r"/requests\?key=key%3Aphone$"))
    assert ids(page) == newest_first(key=PHONE_CALLER)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "log.csv")
    found = csv.DictReader((tmp_path / "log.csv").read_text().splitlines())
    assert [entry["id"] for entry in found] == newest_first(key=PHONE_CALLER)
    page.get_by_label("Model", exact=True).select_option("gpt-4.1")
    expect(page).to_have_url(re.compile(r"/requests\?key=key%3Aphone&model=gpt-4\.1$"))
    wanted = newest_first(key=PHONE_CALLER, model="gpt-4.1")
    assert ids(page) == wanted
    expect(page.locator(".sums-line")).to_contain_text(re.compile(rf"^{len(wanted)} request"))
    page.locator("#rows tr").first.click(force=True)  # in its middle: the whole row is a link
    expect(page).to_have_url(re.compile(rf"/requests/{wanted[0]}\?key="))
    expect(page.get_by_role("heading", name="Where the time went")).to_be_visible()
    page.get_by_role("link", name="All requests").click()
    expect(page).to_have_url(re.compile(r"/requests\?key=key%3Aphone&model=gpt-4\.1$"))
    page.get_by_role("link", name="Remove the filter Key: phone").click()
    expect(page).to_have_url(re.compile(r"/requests\?model=gpt-4\.1$"))
    page.get_by_role("link", name="Today").click()
    expect(page).to_have_url(re.compile(r"model=gpt-4\.1&from="))
    page.get_by_text("Dates", exact=True).click()
    page.get_by_role("textbox", name="To").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_text("No matching requests")).to_be_visible()
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.locator("#rows tr")).to_have_count(50)


def test_the_page_of_an_error_says_what_to_do(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/requests")
    page.get_by_label("Error or request id").fill("no connection")
    page.get_by_label("Error or request id").press("Enter")
    expect(page).to_have_url(re.compile("q=no"))
    known = {row.id: row for row in rows(300)}
    found = ids(page)
    assert {known[id_].outcome for id_ in found} == {"unreachable"}
    page.locator("#rows tr").first.get_by_role("link").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(str(known[found[0]].model))
    expect(page.get_by_role("alert")).to_contain_text("no connection")
    expect(page.get_by_role("alert")).to_contain_text("the network, a proxy or GitHub was down")
    page.get_by_role("link", name="Previous").click()
    expect(page).to_have_url(re.compile(r"q=no"))
    page.go_back()
    page.get_by_role("link", name=str(known[found[0]].session)).click()
    expect(page.locator("#rows tr")).to_have_count(12)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("path", ["/requests", "/usage?model=gpt-4.1&by=key"])
def test_the_filters_stand_in_one_line(short: Bridge, visit: Visit, path: str, locale: str) -> None:
    desk = visit(short, viewport={"width": 1280, "height": 800}, locale=locale).open(path)
    tops = desk.locator(".bar-filters > :not([type=hidden])").evaluate_all(MIDDLES)
    assert len(tops) > 6
    assert max(tops) - min(tops) < 4
    assert overflow(desk) == 0
    phone = visit(short, locale=locale, **ON_A_PHONE).open(path)
    if path == "/requests":
        expect(phone.locator(".bar-filters")).to_be_hidden()
        phone.locator(".filter-fold summary").tap()
    expect(phone.locator(".bar-filters")).to_be_visible()
    assert overflow(phone) == 0


COLUMNS = """() => [...document.querySelectorAll("main table")].map((table) => {
  const seen = ({cells}) => [...cells].flatMap((cell) => cell.checkVisibility() ? cell.cellIndex : []).join();
  const [head, row] = [table.tHead?.rows[0], table.tBodies[0]?.rows[0]];
  return head && row && getComputedStyle(row).display === "table-row" ? [seen(head), seen(row)] : ["", ""];
})"""


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize(
    "path", ["/requests", "/requests?group=conversation", "/usage?by=conversation", "/models?fetch=1", "/"]
)
def test_tables_fit_any_window(short: Bridge, visit: Visit, path: str, locale: str) -> None:
    """Each column under its heading, and nothing beyond the edge."""
    page = visit(short, locale=locale).open(path)
    expect(page.locator("main .spinner:visible")).to_have_count(0)
    for width in (390, 660, 760, 900, 970, 1090, 1200, 1500, 1900):
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) == 0, width
        for head, row in page.evaluate(COLUMNS):
            assert head == row, width


def test_each_sum_has_its_name_on_a_phone(short: Bridge, visit: Visit) -> None:
    page = visit(short, **ON_A_PHONE).open("/usage")
    names = (
        page.locator(".sums tbody tr")
        .first.locator("td.n")
        .evaluate_all("(cells) => cells.map((cell) => getComputedStyle(cell, '::before').content)")
    )
    assert '"Requests"' in names
    assert "none" not in names


def test_conversations_are_opened_on_a_phone(short: Bridge, visit: Visit) -> None:
    page = visit(short, **ON_A_PHONE).open("/requests")
    page.get_by_text("Filter", exact=True).first.tap()
    expect(page.get_by_label("Model", exact=True)).to_be_visible()
    page.get_by_role("link", name="By conversation").tap()
    page.locator(".grouped tbody tr").first.tap()
    expect(page.locator("#rows tr")).to_have_count(12)


def test_new_requests_appear_live(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/requests?model=gpt-4o")
    expect(page.get_by_text("No matching requests")).to_be_visible()
    page.get_by_role("link", name="Live").press("Enter")
    expect(page).to_have_url(re.compile(r"/requests\?model=gpt-4o&live=1$"))
    page.evaluate("window.same = true")
    stream = short.stream("[[sim:stall seconds=30]] hello").begin()
    runs = page.locator("#rows tr.runs")
    expect(runs).to_have_count(1)
    expect(runs.locator(".took")).to_have_text(re.compile(r"^0:0[2-9]$"))
    stream.leave()
    known = short.chat("hello").headers["x-request-id"]
    short.chat("not of this model", model="gpt-4.1")
    expect(page.locator(f"[id='r-{known}']:not(.runs)")).to_be_visible()
    expect(runs).to_have_count(0)
    assert page.evaluate("window.same"), "the page has been loaded anew"
    assert ids(page)[0] == known
    assert barriers(page) == []
    page.get_by_role("link", name="Live").click()
    expect(page).to_have_url(re.compile(r"/requests\?model=gpt-4o$"))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_request_under_way_is_waited_for(
    start_bridge: Start, visit: Visit, picture: Picture, script: bool
) -> None:
    bridge = start_bridge(require_approval=1, keepalive=KEEPALIVE, server="gevent").warm()
    stream = bridge.stream("may I").begin()
    number = stream.headers["x-request-id"]
    page = visit(bridge, java_script_enabled=script).open(f"/requests/{number}?model=gpt-4o")
    expect(page.get_by_text("The response is still running").first).to_be_visible()
    if script:
        picture(page, "request-later")
        assert barriers(page) == []
    store = open_store(bridge.home)
    try:
        (question,) = store.approvals.waiting()
        store.approvals.decide(question.id, yes=True)
    finally:
        store.close()
    stream.all()
    if not script:
        while (again := page.get_by_role("link", name="Check again")).count():
            follow(again)
    expect(page.get_by_role("heading", name="Where the time went")).to_be_visible()
    assert page.url.endswith(f"{number}?model=gpt-4o")


# What used the plan up.


def test_the_chart_is_read_and_leads_to_requests(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/usage?show=requests")
    chart = page.locator("[data-chart]")
    reading = chart.locator(".reading")
    last = chart.locator(".bar-link").last
    last.hover()
    expect(reading.locator("strong")).to_have_text(str(last.get_attribute("aria-label")))
    page.mouse.move(0, 0)
    expect(reading).to_contain_text("Point at a bar")
    last.focus()
    page.keyboard.press("ArrowLeft")
    expect(chart.locator(".bar-link:focus")).to_have_count(1)
    before = str(chart.locator(".bar-link:focus").get_attribute("aria-label"))
    expect(reading.locator("strong")).to_have_text(before)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/requests\?from=\d+&to=\d+$"))
    expect(page.get_by_text(f"{before.rpartition(' ')[2]} request")).to_be_visible()
    page.go_back()
    page.get_by_role("navigation", name="The chart shows").get_by_role("link", name="Tokens").click()
    expect(page.get_by_role("group", name="Tokens over time")).to_be_visible()
    page.get_by_text("As a table").press("Enter")
    expect(page.locator("details table")).to_be_visible()
    most, _ = Counter(row.model for row in rows(300)).most_common(1)[0]
    page.get_by_role("link", name="Requests ").or_(
        page.get_by_role("link", name="Requests", exact=True)
    ).last.click()
    first = page.locator(".sums tbody th").first
    expect(first).to_have_text(str(most))
    first.get_by_role("link").click()
    expect(page.get_by_role("link", name=f"Remove the filter Model: {most}")).to_be_visible()


def test_the_chart_is_read_by_touch(short: Bridge, visit: Visit) -> None:
    page = visit(short, **ON_A_PHONE).open("/usage?range=7d")
    bar = page.locator(".bar-link").last
    bar.tap()
    expect(page.locator(".reading strong")).to_have_text(str(bar.get_attribute("aria-label")))
    bar.tap()
    expect(page).to_have_url(re.compile(r"/requests\?from="))


@pytest.mark.parametrize("range_", ["today", "7d", "30d"])
def test_the_labels_of_the_chart_stay_in_it(short: Bridge, visit: Visit, range_: str) -> None:
    page = visit(short, **ON_A_PHONE, locale="zh-CN").open(f"/usage?range={range_}")
    axis = page.locator(".x-axis")
    box = axis.bounding_box()
    labels = [label.bounding_box() for label in axis.locator("text").all() if label.is_visible()]
    assert box
    assert labels
    assert all(label and label["x"] + label["width"] <= box["x"] + box["width"] + 1 for label in labels)


# The catalogue.


def test_models_are_searched_sorted_and_tried(short: Bridge, visit: Visit) -> None:
    visitor = visit(short, permissions=["clipboard-read", "clipboard-write"])
    visitor.expects("400")
    page = visitor.open("/models")
    names = page.locator("#models .id")
    expect(names.filter(has_text="gpt-4.1").first).to_be_visible()
    field = page.get_by_label("Search the models")
    field.press_sequentially("claude opus")
    expect(names.filter(has_not_text="claude-opus")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/models\?q=claude\+opus$"))
    expect(field).to_be_focused()
    field.fill("nothing like it")
    expect(page.get_by_text("No matching models")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name="Context").click()
    expect(page.locator("[aria-sort]")).to_have_text("Context ↓")
    row = page.locator("#m-gpt-4-1, [id='m-gpt-4.1']")
    row.get_by_role("button", name="Copy").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "gpt-4.1"
    row.get_by_role("link", name="Try").click()
    page.get_by_label("Beside it").select_option("gpt-4o")
    page.get_by_label("Say something").fill("say it twice")
    page.get_by_label("Say something").press("Enter")
    talks = page.locator(".talk")
    expect(talks).to_have_count(2)
    for talk in (talks.first, talks.last):
        expect(talk.locator(".response-text")).to_contain_text("say it twice")
        expect(talk.locator(".facts-line")).to_contain_text("US$")
    assert barriers(page) == []
    page.get_by_label("Say something").fill("[[sim:refuse status=400]] and no more")
    page.get_by_role("button", name="Send").click()
    expect(talks.first.locator(".question-text")).to_have_count(2)
