"""The log, what used the plan up, and the catalogue: found by clicks, with as many rows as the log keeps."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import Bridge, Start
from pages.browsing import Picture, Visit, barriers, follow
from pages.conftest import OPERATOR
from playwright.sync_api import Page, expect
from rows import fill, rows

from copilot_bridge.store import open_store

FULL = 100_000
SOON = 3000  # ms until the first byte; a browser on a busy machine is no stopwatch
PHONE_CALLER = "key:phone"


@pytest.fixture(scope="module")
def full(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    home = tmp_path_factory.mktemp("full")
    fill(home, FULL).close()
    bridge = _launch(home=home, log_rows=FULL, honor_retry_after=0).warm()
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def short(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """With 300 rows, those of `rows(300)`."""
    home = tmp_path_factory.mktemp("short")
    fill(home, 300).close()
    bridge = _launch(home=home, honor_retry_after=0).warm()
    yield bridge
    bridge.stop()


def ids(page: Page) -> list[str]:
    """Of the page whose address is there already, when all of it is."""
    page.wait_for_load_state("domcontentloaded")
    return page.locator("#rows tr").evaluate_all("(rows) => rows.map((row) => row.id.slice(2))")


def newest_first(**wanted: str) -> list[str]:
    """Ids of the 300 rows."""
    column = {"key": "caller", "model": "model", "outcome": "outcome"}
    fitting = (
        row for row in rows(300) if all(getattr(row, column[name]) == value for name, value in wanted.items())
    )
    return [row.id for row in fitting][::-1]


# Filters.


def test_filters_are_chosen_and_taken_away(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/requests")
    page.get_by_label("Key", exact=True).select_option(PHONE_CALLER)
    page.get_by_label("Model", exact=True).select_option("gpt-4.1")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile(r"/requests\?key=key%3Aphone&model=gpt-4\.1$"))
    assert ids(page) == newest_first(key=PHONE_CALLER, model="gpt-4.1")
    page.get_by_role("link", name=f"Remove the filter Key: {PHONE_CALLER}").click()
    expect(page).to_have_url(re.compile(r"/requests\?model=gpt-4\.1$"))
    assert ids(page) == newest_first(model="gpt-4.1")[:50]
    page.get_by_role("link", name="Remove all").click()
    expect(page).to_have_url(re.compile(r"/requests$"))
    assert ids(page) == newest_first()[:50]


def test_errors_are_found_and_looked_at(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/requests")
    page.get_by_label("Result", exact=True).select_option(label="GitHub errors")
    page.get_by_role("button", name="Filter", exact=True).press("Enter")
    expect(
        page.get_by_role("link", name=re.compile("Remove the filter Result: GitHub errors"))
    ).to_be_visible()
    known = {row.id: row for row in rows(300)}
    found = ids(page)
    assert {known[id_].outcome for id_ in found} == {"unreachable", "timeout"}
    page.locator("#rows tr").first.get_by_role("link").press("Enter")
    expect(page).to_have_url(re.compile(f"/requests/{found[0]}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(str(known[found[0]].model))
    expect(page.get_by_role("alert")).to_contain_text(re.compile("no connection|no byte"))
    expect(page.get_by_role("heading", name="Where the time went")).to_be_visible()
    caller = str(known[found[0]].caller)
    page.get_by_role("link", name=caller, exact=True).click()
    expect(page.get_by_role("link", name=f"Remove the filter Key: {caller}")).to_be_visible()


def test_moments_are_the_readers(short: Bridge, visit: Visit) -> None:
    page = visit(short, timezone_id="Asia/Shanghai").open("/requests")
    expect(page.get_by_text("The filter's times are in UTC+8.")).to_be_visible()
    page.get_by_label("To").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_text("No matching requests")).to_be_visible()
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.locator("#rows tr")).to_have_count(50)


# What is new, and what is old.


def test_new_requests_appear_live(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/requests?model=gpt-4o")
    expect(page.get_by_text("No matching requests")).to_be_visible()
    live = page.get_by_role("button", name="Live")
    live.press("Space")
    expect(live).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.same = true")
    known = short.chat("hello").headers["x-request-id"]
    short.chat("not of this model", model="gpt-4.1")
    expect(page.locator(f"[id='r-{known}']")).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("New requests: 1")
    expect(page.get_by_text("No matching requests")).to_have_count(0)
    assert page.evaluate("window.same"), "the page has been loaded anew"
    assert ids(page) == [known]
    assert barriers(page) == []
    live.press("Enter")
    expect(live).to_have_attribute("aria-pressed", "false")
    assert page.url.endswith("/requests?model=gpt-4o")


def test_forth_and_back(full: Bridge, visit: Visit) -> None:
    page = visit(full).open("/requests")
    seen = [ids(page)]
    for _ in range(2):
        page.get_by_role("link", name="Older").click()
        expect(page.locator(f"[id='r-{seen[-1][0]}']")).to_have_count(0)
        seen.append(ids(page))
    assert len({id_ for some in seen for id_ in some}) == 150
    page.get_by_role("link", name="Newer").click()
    expect(page.locator(f"[id='r-{seen[1][0]}']")).to_be_visible()
    assert ids(page) == seen[1]
    page.get_by_role("link", name="Newest").click()
    expect(page.locator(f"[id='r-{seen[0][0]}']")).to_be_visible()
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_the_file_has_what_is_shown(short: Bridge, visit: Visit, tmp_path: Path, ending: str) -> None:
    page = visit(short).open(f"/requests?key={PHONE_CALLER}")
    with page.expect_download() as download:
        page.get_by_role("link", name=ending.upper(), exact=True).click()
    name = download.value.suggested_filename
    assert re.fullmatch(rf"copilot-bridge-requests-20\d\d-\d\d-\d\d\.{ending}", name)
    download.value.save_as(tmp_path / name)
    text = (tmp_path / name).read_text()
    found = list(csv.DictReader(text.splitlines())) if ending == "csv" else json.loads(text)
    assert [entry["id"] for entry in found] == ids(page) == newest_first(key=PHONE_CALLER)


# One that is not there yet.


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_request_under_way_is_waited_for(
    start_bridge: Start, visit: Visit, picture: Picture, script: bool
) -> None:
    bridge = start_bridge(require_approval=1, server="gevent").warm()
    stream = bridge.stream("may I").begin()
    number = stream.headers["x-request-id"]
    page = visit(bridge, java_script_enabled=script).open(f"/requests/{number}")
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
    assert page.url.endswith(number)


# What used the plan up.


def test_the_chart_is_switched(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/usage")
    tabs = page.get_by_role("navigation", name="The chart shows")
    expect(page.get_by_role("img", name="Requests per day, by model")).to_be_visible()
    for name in ("Premium requests", "AI units", "Tokens"):
        tabs.get_by_role("link", name=name).click()
        expect(page.get_by_role("img", name=f"{name} per day, by model")).to_be_visible()
        expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "true")
    tabs.get_by_role("link", name="Requests", exact=True).click()
    expect(page.get_by_role("img", name="Requests per day, by model")).to_be_visible()
    page.get_by_text("As a table").press("Enter")
    table = page.locator("details table")
    expect(table).to_be_visible()
    page.wait_for_load_state("domcontentloaded")
    listed = [int(text) for text in table.locator("td.n").all_inner_texts()]
    (total,) = (
        page.locator(".figure").filter(has=page.get_by_text("Requests", exact=True)).locator("dd").all()
    )
    assert sum(listed) == int(total.inner_text())
    drawn = page.locator(".chart g").evaluate_all(
        "(bars) => bars.filter((each) => each.querySelector('[class^=s]')).length"
    )
    assert len(listed) == drawn


def test_from_a_sum_to_its_requests(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/usage")
    most, _ = Counter(row.model for row in rows(300)).most_common(1)[0]
    by_model = page.get_by_role("region", name="By model")
    first = by_model.get_by_role("rowheader").first
    expect(first).to_have_text(str(most))
    first.get_by_role("link").click()
    expect(page.get_by_role("link", name=f"Remove the filter Model: {most}")).to_be_visible()
    assert ids(page) == newest_first(model=str(most))[:50]


# The catalogue.


def test_the_catalogue_is_searched(short: Bridge, visit: Visit) -> None:
    page = visit(short).open("/models")
    names = page.locator("#models .id")
    expect(names.filter(has_text="gpt-4.1").first).to_be_visible()
    page.evaluate("window.same = true")
    field = page.get_by_label("Search the models")
    field.press_sequentially("claude opus")
    expect(names.filter(has_not_text="claude-opus")).to_have_count(0)
    expect(names.filter(has_text="claude-opus").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/models\?q=claude\+opus$"))
    expect(field).to_be_focused()
    field.fill("nothing like it")
    expect(page.get_by_text("No matching models")).to_be_visible()
    assert page.evaluate("window.same"), "the page has been loaded anew"
    page.get_by_role("link", name="Show all").click()
    expect(names.filter(has_text="gpt-4.1").first).to_be_visible()


# All of them.

TITLES = {
    "Home": "Overview",
    "Usage": "Usage",
    "Requests": "Requests",
    "Approvals": "Approvals",
    "Accounts": "GitHub accounts",
    "Models": "Models",
    "Setup": "Set up a client",
    "Docs": "Docs",
}


def test_signed_in_everything_is_a_click_away(visit: Visit, keyed: Bridge) -> None:
    page = visit(keyed).sign_in(OPERATOR)
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link")).to_have_count(len(TITLES))
    for name, title in TITLES.items():
        main.get_by_role("link", name=re.compile(f"^{name}")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(main.locator("[aria-current=page]")).to_contain_text(name)
        expect(main.locator("[aria-current=page]")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    "path", ["/", "/usage", "/requests", "/requests?status=error", "/models", "/approvals"]
)
def test_a_full_log_is_quick_to_look_at(full: Bridge, visit: Visit, path: str) -> None:
    page = visit(full).open(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStart") < SOON
