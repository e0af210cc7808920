"""Budgets on the command line."""

import json

from integration.harness import new_token

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store


def test_a_key_with_a_budget_is_listed_and_cleared(run):
    assert run("keys", "add", "friend", "--budget", "500/month").code == 0
    assert run("keys", "add", "other", "--budget", "much").line.startswith("expected a budget like 500/month")
    assert run("keys", "list").rows[1][-1] == "500 AI units a month"
    (key,) = json.loads(run("keys", "list", "--json").out)
    assert key["budgets"] == ["500 AI units a month"]
    (listed,) = json.loads(run("budget", "list", "--json").out)
    assert (listed["scope"], listed["subject"], listed["limit"]) == ("key", "key:friend", 500)
    assert (listed["used"], listed["percent"], listed["unit"]) == (0, 0, "ai-units")
    assert run("budget", "list").rows[1][:3] == ["key friend", "500 AI units a month", "0 %"]
    assert run("budget", "clear", "--key", "friend").out == (
        "The key key:friend: no longer limited to 500 AI units a month.\n"
    )
    assert run("budget", "clear", "--key", "friend").line.startswith("there is no such budget")
    assert "There is no budget." in run("budget", "list").out


def test_a_revoked_key_takes_its_budgets_along(run):
    for undo in (("keys", "revoke", "friend"), ("keys", "clear", "--yes")):
        run("keys", "add", "friend", "--budget", "500/month")
        run("budget", "set", "9/day", "--key", "friend")
        assert len(json.loads(run("budget", "list", "--json").out)) == 2
        assert run(*undo).code == 0
        assert json.loads(run("budget", "list", "--json").out) == []


def test_budgets_are_set_for_every_scope(run, home, simulator):
    store = open_store(home)
    store.logins.add("octo-demo", Secret(new_token()), simulator.url)
    store.close()
    for arguments, sentence in (
        (["20usd/period"], "The whole bridge may use US$ 20 a billing period."),
        (["20usd/period", "--login", "octo-demo"], "The login octo-demo may use US$ 20 a billing period."),
        (["5/day", "--conversation", "*"], "Each conversation may use 5 AI units a day."),
        (["9 requests/day", "--key", "local"], "The key local may use 9 requests a day."),
    ):
        assert run("budget", "set", *arguments).out == f"{sentence}\n"
    assert len(json.loads(run("budget", "list", "--json").out)) == 4
    assert "auth list" in run("budget", "set", "1/day", "--login", "nobody").line
    assert "keys list" in run("budget", "set", "1/day", "--key", "nobody").line
    assert "name one of" in run("budget", "set", "1/day", "--key", "local", "--login", "octo-demo").line
