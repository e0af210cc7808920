"""Usage, the request log and the catalogue: for people, for programs, and with a full log."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from integration.harness import NOWHERE, PATIENCE, Bridge, Json, Response, Simulator, Start, new_token
from rows import CALLERS, fill, rows

from copilot_bridge.billing.quota import read_usage
from copilot_bridge.cli.usage import as_row
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
BROWSER = {"Accept": ACCEPT, "Accept-Language": "en"}
NEPAL = {"Cookie": "time_zone=Asia/Kathmandu|345", "Accept-Encoding": "gzip"}
SHANGHAI = {"Cookie": "time_zone=Asia/Shanghai|480", "Accept-Encoding": "gzip"}
OPERATOR = {"x-api-key": "operator"}

FULL = 120_000
SOON = 0.1  # seconds until the first byte
LARGEST = 60_000  # bytes of a page as it is sent
TRIES = 7


@pytest.fixture(scope="module")
def full(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """With as many requests in its log as it keeps."""
    home = tmp_path_factory.mktemp("full")
    fill(home, FULL).close()
    bridge = _launch(home=home, log_rows=FULL).warm()
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def keyed(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bridge, str]]:
    """(a bridge, the key of somebody who is not its operator)"""
    home = tmp_path_factory.mktemp("keyed")
    store = fill(home, 300)
    friend = store.keys.add(Key("laptop", KEY, b""))
    store.close()
    bridge = _launch(home=home, server="gevent", api_key="operator").warm_up("operator")
    yield bridge, friend
    bridge.stop()


def page(bridge: Bridge, path: str, **headers: str) -> str:
    response = bridge.request("GET", path, headers=BROWSER | headers)
    assert response.status == 200, response.body
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return unescape(response.body.decode())


def get_json(bridge: Bridge, path: str, key: str = "") -> Json:
    response = bridge.request("GET", path, headers={"x-api-key": key} if key else {})
    assert response.status == 200, response.body
    found: Json = response.json
    return found


def ids(text: str) -> list[str]:
    return re.findall(r'<tr id="r-([^"]+)"', text)


def link(text: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    assert found
    return found[1]


# A full log.

PAGES = (
    "/",
    "/usage",
    "/usage?show=tokens&by=key&range=period",
    "/usage?by=conversation",
    "/usage?by=conversation&sort=errors&range=7d",
    "/usage?by=conversation&key=key:laptop",
    "/usage?by=client",
    "/usage?by=client&key=key:laptop",
    "/usage?by=model&client=codex",
    "/usage?by=hour",
    "/requests",
    "/requests?q=no+byte",
    "/requests?group=conversation",
    "/requests?client=codex",
    "/requests?status=error&key=local",
    "/requests?model=gpt-7-turbo&from=2020-01-01",
    "/requests/00000001-0000-4000-8000-000000000001",
    "/requests.csv",
    "/keys",
    "/auth/device",
    "/models",
    "/models/try",
    "/approvals",
    "/setup",
    "/settings",
    "/docs",
)


# Those that read most of the log, and those that need most of the program.
HEAVY = (
    "/",
    "/usage",
    "/usage?by=conversation",
    "/usage?by=conversation&key=key:laptop",
    "/usage?by=client",
    "/requests?group=conversation",
    "/requests?q=no+byte",
    "/models",
    "/docs",
)


def first_byte(bridge: Bridge, path: str, **headers: str) -> float:
    """The seconds until the first byte of a page."""
    stream = bridge.dial("GET", path, headers=BROWSER | NEPAL | headers).begin()
    assert stream.status == 200
    if not path.endswith(".csv"):
        assert int(stream.headers["content-length"]) < LARGEST
    stream.close()
    return stream.opened - stream.asked


def check_soon(waited: list[float]) -> None:
    """A machine that is busy with something else holds up some of the tries."""
    busy = os.getloadavg()[0] > (os.cpu_count() or 1) / 2
    assert min(waited) < SOON * (3 if busy else 1), waited


@pytest.mark.parametrize("path", PAGES)
def test_the_first_byte_comes_soon(full: Bridge, path: str) -> None:
    """However full the log is."""
    check_soon([first_byte(full, path) for _ in range(TRIES)])


@pytest.mark.parametrize("path", HEAVY)
def test_the_first_byte_comes_soon_to_the_first_visitor(full: Bridge, start_bridge: Start, path: str) -> None:
    """Each try is the first request for a page since the start, when nothing is remembered."""
    waited = []
    for _ in range(3):
        bridge = start_bridge(home=full.home, log_rows=FULL, server="gevent")
        assert bridge.request("GET", "/healthz").status == 200
        waited.append(first_byte(bridge, path, **SHANGHAI))
        bridge.stop()
    check_soon(waited)


def test_a_filter_is_for_the_file_as_well(full: Bridge) -> None:
    query = "status=error&key=share:5ad1c0ffee12"
    response = full.request("GET", f"/requests.csv?{query}", headers=BROWSER)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    named = re.fullmatch(r'attachment; filename="(.+)"', response.headers["content-disposition"])
    assert named
    assert re.fullmatch(r"copilot-bridge-requests-20\d\d-\d\d-\d\d\.csv", named[1])
    lines = list(csv.DictReader(io.StringIO(response.body.decode(), newline="")))
    assert len(lines) > 100
    assert {line["caller"] for line in lines} == {"share:5ad1c0ffee12"}
    assert not {line["outcome"] for line in lines} & {"ok", "client_disconnected"}
    moments = [float(line["at"]) for line in lines]
    assert moments == sorted(moments, reverse=True)
    as_json = json.loads(full.request("GET", f"/requests.json?{query}", headers=BROWSER).body)
    assert [row["id"] for row in as_json] == [line["id"] for line in lines]
    shown = page(full, f"/requests?{query}")
    assert ids(shown) == [line["id"] for line in lines[:50]]


def test_pages_of_the_log_lead_forth_and_back(full: Bridge) -> None:
    first = page(full, "/requests?status=limit")
    second = page(full, link(first, "next"))
    third = page(full, link(second, "next"))
    assert len({*ids(first), *ids(second), *ids(third)}) == 150
    assert ids(page(full, link(third, "prev"))) == ids(second)
    again = page(full, link(second, "prev"))
    assert ids(again) == ids(first)
    assert 'rel="prev"' not in again


# For people.


def test_filters_are_shown_and_taken_away(full: Bridge) -> None:
    text = page(full, "/requests?status=429&model=gpt-4.1&from=2020-01-01T00:00")
    chips = re.findall(r'class="chip" href="([^"]+)" aria-label="Remove the filter ([^"]+)"', text)
    assert [name for _, name in chips] == ["From: 2020-01-01 00:00", "Model: gpt-4.1", "Result: 429"]
    assert f'/requests/{ids(text)[0]}?from=2020-01-01T00:00&model=gpt-4.1&status=429"' in text
    assert chips[1][0] == "/requests?from=2020-01-01T00%3A00&status=429"
    assert ids(text)
    assert set(re.findall(r"<small>(\d{3})</small>", text)) == {"429"}
    assert "person" in page(full, "/requests?who=person&client=codex")
    assert "No matching requests" in page(full, "/requests?key=nobody")
    sent = full.request("GET", "/requests?status=ok&model=", headers=BROWSER)
    assert (sent.status, sent.headers["location"]) == (303, "/requests?status=ok")
    for path in ("/requests?status=odd", "/requests?from=yesterday", "/requests?before=x"):
        assert full.request("GET", path, headers=BROWSER).status == 400


def test_times_are_the_readers(full: Bridge) -> None:
    text = page(full, "/requests?from=2026-01-01", Cookie="time_zone=Asia/Shanghai|480")
    assert 'name="from" type="datetime-local" value="2026-01-01T00:00"' in text
    assert "Times are in Asia/Shanghai" in text
    assert "Days are in UTC." in page(full, "/usage")


def test_the_page_of_a_request_keeps_the_filter(full: Bridge) -> None:
    known = get_json(full, "/requests?status=upstream&client=codex")["data"][0]
    text = page(full, f"/requests/{known['id']}?status=upstream")
    assert '<a href="/requests?status=upstream">' in text, "the way back to the filter"
    assert 'rel="prev"' in text
    assert known["error"] in text
    for words in ("Copilot, until the first byte", known["caller"], known["client"]):
        assert words in text
    missing = full.request("GET", "/requests/none", headers=BROWSER)
    assert missing.status == 404
    assert b"The log has no request with this number." in missing.body
    assert full.request("GET", "/requests/none").status == 404


def test_the_rows_of_new_requests_come_first(full: Bridge) -> None:
    known = full.chat("hello").headers["x-request-id"]
    end = time.monotonic() + PATIENCE
    while known not in (rows := get_json(full, "/live?once=1&part=rows")["rows"]):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert ids(rows)[0] == known
    assert known not in get_json(full, "/live?once=1&part=rows&status=error")["rows"]
    assert full.request("GET", "/live?part=nothing", headers=BROWSER).status == 400


def test_running_requests_are_streamed_to_the_page(full: Bridge) -> None:
    """With about how many tokens have come, until it has ended."""
    watched = full.dial("GET", "/live?part=running", headers=BROWSER | NEPAL).begin()
    assert watched.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in watched.headers
    events = watched.frames()
    assert b"retry:" in next(events).raw
    assert b"Nothing is running" in next(events).raw
    asked = full.stream("[[sim:stall seconds=30]] hello").begin()
    assert b"gpt-4o" in next(events).raw
    while not re.search("≈ [0-9]+ tokens".encode(), next(events).raw):
        pass
    assert 'class="runs"' in get_json(full, "/live?once=1&part=rows")["rows"]
    for other in ("account=octo-work", "session=talk-0000001", "client=codex"):
        assert 'class="runs"' not in get_json(full, f"/live?once=1&part=rows&{other}")["rows"], other
    asked.leave()
    while b"Nothing is running" not in next(events).raw:
        pass
    watched.close()


def test_the_chart_and_its_table_say_the_same(full: Bridge) -> None:
    text = page(full, "/usage?show=premium")
    assert len(re.findall(r'class="bar-link"', text)) == 30
    assert not re.search(r"<[^>]+ style=", text)
    drawn = dict(re.findall(r'aria-label="(\w+ \d+): ([\d,.k ]+)"', text))
    listed = dict(re.findall(r'<tr><th scope="row">(\w+ \d+)</th><td class="n">([\d,.k ]+)</td>', text))
    assert listed == {day: value for day, value in drawn.items() if value != "0"}
    assert len(listed) >= 30
    by_key = page(full, "/usage?by=key")
    for caller in CALLERS:
        assert re.search(rf'<a href="/requests\?key={caller}&from=\d+&to=\d+">', by_key)


def test_a_model_keeps_its_colour(full: Bridge) -> None:
    """Whatever is shown of it, a model has the colour that it had first."""

    def colours(path: str) -> dict[str, str]:
        return dict(
            re.findall(r'<rect class="(s\w+)"[^>]*/></svg><span class="any">([^<]+)</span>', page(full, path))
        )

    whole = {name: colour for colour, name in colours("/usage").items()}
    for path in ("/usage?range=today&show=tokens", "/usage?key=key:phone"):
        part = {name: colour for colour, name in colours(path).items()}
        assert part
        assert all(whole.get(name, colour) == colour for name, colour in part.items())


def test_usage_by_everything_agrees(full: Bridge) -> None:
    """The sums by each column are those of the whole, in the file as on the page."""
    totals = set()
    for by in ("model", "key", "client", "account", "conversation", "hour"):
        text = full.request("GET", f"/usage.csv?by={by}&range=7d", headers=BROWSER)
        lines = list(csv.DictReader(io.StringIO(text.body.decode(), newline="")))
        totals.add(
            (sum(int(line["requests"]) for line in lines), sum(int(line["tokens_in"]) for line in lines))
        )
    assert len(totals) == 1
    assert min(totals) > (1000, 1000)


PLANS = ("individual", "free", "legacyfree", "tokenbilled", "overquota", "noaccess")


def test_the_page_agrees_with_the_command(start_bridge: Start, simulator: Simulator, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    keys = {}
    for plan in PLANS:
        store.logins.add(plan, Secret(new_token(plan)), simulator.url)
        keys[plan] = store.keys.add(Key(plan, KEY, b"", account=plan))
    store.close()
    bridge = start_bridge(server="gevent", home=tmp_path, github_token="", api_key="operator")
    for plan, key in keys.items():
        assert "Asking GitHub for the quota" in page(bridge, f"/usage?account={plan}", **OPERATOR)
        text = page(bridge, f"/usage/quota?account={plan}", **OPERATOR)
        usage = read_usage(get_json(bridge, "/usage.json", key))
        for quota in usage.quotas:
            _, _, percent, whole, used, resets = (str(cell) for cell in as_row(quota))
            if not quota.unlimited:
                for words in (percent.replace(" %", "% left"), whole, used.split()[0], resets[:10]):
                    assert words in text, (plan, words)
        assert ("no Copilot plan" in text) == (plan == "noaccess")
        assert usage.plan_name in text
        assert "Asking GitHub" not in page(bridge, f"/usage?account={plan}", **OPERATOR)  # it is known now


def test_a_chosen_account_has_its_own_sums(start_bridge: Start, simulator: Simulator, tmp_path: Path) -> None:

    bridge = start_bridge(server="gevent", home=tmp_path, github_token="")
    store = fill(tmp_path, 200)
    for name, persona in (("octo-work", "tokenbilled"), ("octo-demo", "individual")):
        store.logins.add(name, Secret(new_token(persona)), simulator.url)
    store.close()
    text = page(bridge, "/usage?account=octo-work")
    assert "<option selected>octo-work</option>" in text
    mine = [row for row in rows(200) if row.account == "octo-work"]
    assert re.search(rf"<dt>Requests</dt><dd>{len(mine)}<", text)
    assert "AI units" in page(bridge, "/usage/quota?account=octo-work")
    assert "AI units" not in page(bridge, "/usage/quota")
    assert bridge.request("GET", "/usage?account=stranger", headers=BROWSER).status == 400


def test_all_workers_report_the_same_limits(start_bridge: Start, tmp_path: Path) -> None:
    """One process has seen the response with the limits, the other has not."""
    shared = {"home": tmp_path, "github_token": new_token("individual"), "server": "gevent", "rest": 0}
    one, other = start_bridge(**shared), start_bridge(**shared)
    assert "Session limit" not in page(other, "/usage/quota")
    assert one.chat("hello").status == 200
    assert "Session limit" in page(one, "/usage/quota")
    end = time.monotonic() + PATIENCE
    while "Session limit" not in page(other, "/usage/quota"):
        assert time.monotonic() < end


def test_without_github_the_pages_come_all_the_same(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", github_api_url=NOWHERE)
    assert bridge.request("GET", "/healthz").status == 200
    for path, part, words in (
        ("/usage", "/usage/quota", "The quota is unknown"),
        ("/models", "/status/models", "The models can't be listed"),
    ):
        stream = bridge.dial("GET", path, headers=BROWSER).begin()
        assert stream.status == 200
        assert stream.opened - stream.asked < 2
        stream.close()
        assert words in page(bridge, part)
    assert "No requests have been logged yet" in page(bridge, "/usage")
    assert "No requests have been logged yet" in page(bridge, "/requests")


def test_the_catalogue_is_for_browsers_at_one_path_only(full: Bridge) -> None:
    text = page(full, "/models?fetch=1")
    for words in (
        "Claude Opus 4.6",
        "claude-opus-4.6",
        "also:",
        "<code>sonnet</code>",
        "AI units per million tokens:",
        "auto:intelligence",
    ):
        assert words in text
    found = page(full, "/models?q=claude+opus")
    assert "claude-opus-4.5" in found
    assert "gpt-4.1" not in found
    assert "No matching models" in page(full, "/models?q=nothing-like-it")
    for path, accept in (
        ("/models", "*/*"),
        ("/models", "application/json"),
        ("/models", "application/json, text/plain, */*"),
        ("/models", "application/json, text/html"),
        ("/v1/models", ACCEPT),
        ("/models/gpt-4.1", ACCEPT),
    ):
        response = full.request("GET", path, headers={"Accept": accept})
        assert response.headers["content-type"] == "application/json", (path, accept)
    anthropic = models_for_anthropic(full)
    assert anthropic.json["data"][0]["type"] == "model"


def models_for_anthropic(bridge: Bridge) -> Response:
    return bridge.request("GET", "/models", headers={"anthropic-version": "2023-06-01", "Accept": "*/*"})


# For programs.


def test_the_log_is_paged_as_json(keyed: tuple[Bridge, str]) -> None:
    bridge, _ = keyed
    seen: list[str] = []
    mark: str | None = ""
    while mark is not None:
        listed = get_json(
            bridge, f"/requests?limit=70&before={mark}" if mark else "/requests?limit=70", "operator"
        )
        assert listed.keys() == {"data", "next"}
        seen += [row["id"] for row in listed["data"]]
        mark = listed["next"]
    assert seen == [row.id for row in reversed(list(rows(300)))]
    one = get_json(bridge, f"/requests/{seen[0]}", "operator")
    assert one == get_json(bridge, "/requests?limit=1", "operator")["data"][0]
    assert get_json(bridge, "/requests?from=2999-01-01", "operator") == {"data": [], "next": None}
    for query in ("limit=0", "limit=1001", "limit=x", "before=x", "status=odd", "to=soon"):
        response = bridge.request("GET", f"/requests?{query}", headers={"x-api-key": "operator"})
        assert (response.status, response.error["param"]) == (400, query.split("=")[0])


def test_a_key_sees_its_own_requests(keyed: tuple[Bridge, str]) -> None:
    bridge, friend = keyed
    mine = [row.id for row in rows(300) if row.caller == "key:laptop"]
    theirs = next(row.id for row in rows(300) if row.caller != "key:laptop")
    assert sorted(row["id"] for row in get_json(bridge, "/requests?limit=1000", friend)["data"]) == sorted(
        mine
    )
    assert {row["id"] for row in get_json(bridge, "/requests.json", friend)} == {*mine}  # type: ignore[index]
    assert get_json(bridge, f"/requests/{mine[0]}", friend)["caller"] == "key:laptop"
    sent = {"x-api-key": friend}
    assert bridge.request("GET", f"/requests/{theirs}", headers=sent).status == 404
    assert bridge.request("GET", "/requests?key=local", headers=sent).status == 403
    assert bridge.request("GET", "/requests", headers=BROWSER | sent).status == 403
    assert bridge.request("GET", "/requests.csv", headers=BROWSER | sent).status == 403
    for path in ("/requests", "/requests.csv", "/requests.json", f"/requests/{theirs}", "/usage.csv"):
        assert bridge.request("GET", path).status == 401
        stranger = bridge.request("GET", path, headers=BROWSER)
        assert (stranger.status, stranger.headers["location"][:8]) == (303, "/sign-in")
