"""The `usage` command: sums by each group, in each format."""

import csv
import io
import json
import time

import pytest
from integration.harness import new_token

from copilot_bridge.store import open_store
from copilot_bridge.store.logged_request import RequestLogRow

NANO = 1_000_000_000


@pytest.fixture
def used(home):
    """Two requests with tokens, of which one has an estimated cost, and an older one."""
    store, now = open_store(home), time.time()
    usual = {"account": "octo-tokenbilled", "upstream": "chat", "outcome": "ok", "initiator": "user"}
    store.request_log.write(
        [
            RequestLogRow(
                *("1", now - 60, "key:a"),
                **usual | {"model": "gpt-4o", "session": "s1", "client": "codex"},
                verdict="tools_changed",
                verdict_detail="2 of 19",
                lost_nano_aiu=NANO,
                tokens_in=1000,
                tokens_out=10,
                nano_aiu=2 * NANO,
                cost=2.0,
                estimated=0,
            ),
            RequestLogRow(
                *("2", now - 50, "local"),
                **usual | {"model": "claude-haiku-4.5", "session": "s2", "client": "claude-cli"},
                tokens_in=500,
                tokens_cached=400,
                tokens_written=50,
                tokens_out=1,
                nano_aiu=5 * NANO // 2,
                cost=2.5,
                estimated=1,
            ),
            RequestLogRow("3", now - 20 * 86_400, "local", model="gpt-4o", cost=7.0, **usual),
        ]
    )
    store.close()


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("model", ["claude-haiku-4.5", "gpt-4o"]),
        ("key", ["local", "key:a"]),
        ("conversation", ["s2", "s1"]),
        ("client", ["claude-cli", "codex"]),
    ],
)
def test_usage_is_summed_up_the_dearest_first(run, used, group, names):
    shown = json.loads(run("usage", "--by", group, "--since", "7d", "--json").out)
    assert [row["name"] for row in shown["rows"]] == names
    assert [row["ai_units"] for row in shown["rows"]] == [2.5, 2.0]
    first = shown["rows"][0]
    assert (first["usd"], first["estimated_requests"], first["premium"]) == (0.025, 1, None)
    assert (first["tokens_in"], first["tokens_cached"], first["tokens_written"]) == (500, 400, 50)


def test_a_table_has_a_sum_and_says_what_is_estimated(run, used):
    rows = run("usage").rows
    assert rows[0][:4] == ["MODEL", "REQUESTS", "AI UNITS", "US$"]
    assert rows[1][:4] == ["gpt-4o", "2", "9", "0.090"]
    assert rows[-1][:4] == ["all", "3", "11.5", "0.115"]
    assert rows[-1][-1] == "1 estimated"
    assert "nothing of this time" in run("usage", "--since", "2099-01-01").out


def test_the_cache_is_reported_by_client_and_day(run, used):
    (found,) = json.loads(run("usage", "--prompt-cache", "--json").out)["cache"]
    assert found.pop("day").startswith("20")
    expected = {"client": "codex", "verdict": "tools_changed", "requests": 1, "lost_ai_units": 1.0}
    assert found == expected | {"tokens_in": 1000, "tokens_cached": 0}
    assert "tools changed" in run("usage", "--prompt-cache").out
    assert "nothing of the prompt cache" in run("usage", "--prompt-cache", "--since", "2099-01-01").out
    assert run("usage", "--prompt-cache", "--csv").code


def test_days_are_in_their_order_and_csv_has_every_field(run, used):
    lines = list(csv.DictReader(io.StringIO(run("usage", "--by", "day", "--csv").out)))
    assert [line["ai_units"] for line in lines] == ["7.0", "4.5"]
    assert lines[0]["day"] < lines[1]["day"]
    assert lines[1]["tokens_written"] == "50"


def test_hours_are_summed_up_one_by_one(run, used):
    shown = json.loads(run("usage", "--by", "hour", "--json").out)["rows"]
    assert shown[0]["ai_units"] == 7
    assert shown[0]["name"].endswith(":00")
    assert shown == sorted(shown, key=lambda row: row["name"])


def test_usage_forecasts_and_compares_models(run, used):
    asked = ("usage", "--since", "7d", "--forecast", "--what-if", "-g", new_token("tokenbilled"))
    shown = json.loads(run(*asked, "--json").out)
    assert (shown["forecast"]["unit"], shown["forecast"]["entitlement"]) == ("AI units", 50000)
    assert shown["forecast"]["overage_permitted"]
    costs = {one["model"]: one["cost"] for one in shown["what_if"]}
    # 1,050 fresh tokens of gpt-4o, 400 cached ones; its writing to the cache costs as much as any input
    assert costs["gpt-4o"] == pytest.approx((1100 * 250 + 400 * 125 + 11 * 1000) / 1e6)
    assert list(costs.values()) == sorted(costs.values())
    words = run(*asked).out
    assert "requests then continue at extra cost" in " ".join(words.split())
    assert "gpt-4o-mini" in words
    spring = json.loads(run("usage", "--what-if", "--json", "-g", new_token("spring")).out)["what_if"]
    assert {one["unit"] for one in spring} >= {"premium"}


def test_a_wrong_time_is_refused(run):
    assert "like 30d" in run("usage", "--since", "yesterday").line
    assert "--csv" in run("usage", "--csv", "--json").line
