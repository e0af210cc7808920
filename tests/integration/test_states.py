"""The line at the top of the pages, and Home below it, in each state that a bridge can be in.

In this process, on the simulator's accounts: what GitHub and Copilot say is what the line is made of.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from integration.harness import NOWHERE, Simulator, new_token

from copilot_bridge.admin.budgets import read_limit, set_budget
from copilot_bridge.app import create_app
from copilot_bridge.billing.budgets import ALL
from copilot_bridge.billing.cost import NANO
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret
from copilot_bridge.store.budgets import Demand
from copilot_bridge.store.logged_request import RequestLogRow

EN = {"Accept": "text/html", "Accept-Language": "en"}
ZH = {"Accept": "text/html", "Accept-Language": "zh-CN"}

Begin = Callable[[Bridge], None]


def nothing(_bridge: Bridge) -> None:
    """GitHub's response is enough."""


def report(bridge: Bridge) -> None:
    bridge.usage_reports.get(bridge.account())


def rest(bridge: Bridge, code: str = "user_global_rate_limited", model: str = "") -> None:
    """Copilot asks for a pause."""
    error = BridgeError("wait", kind="rate_limited", code=code, headers={"retry-after": "600"})
    bridge.rate_limiter.cooldowns.note(bridge.account().fingerprint, error, model, "/chat/completions")


def rest_model(bridge: Bridge) -> None:
    rest(bridge, "user_model_rate_limited", "claude-opus-4.6")


def revoke(bridge: Bridge) -> None:
    """The login was good for one token."""
    account = bridge.account()
    bridge.tokens.forget(account, bridge.tokens.get(account))


def fail(bridge: Bridge) -> None:
    """The last requests have all failed."""
    rows = [
        RequestLogRow(f"{index}", time.time() - index, outcome="timeout", error="no byte")
        for index in range(3)
    ]
    bridge.store.request_log.write(rows)


@dataclass(frozen=True)
class Row:
    """A state.

    :param account: of the simulator; "": nobody is logged in.  :param before: makes the state.
    :param hosts: GitHub can be reached.
    """

    account: str
    state: str
    kind: str
    english: str
    chinese: str
    button: str = ""
    before: Begin = nothing
    hosts: bool = True


STATES = {
    "working": Row("demo", "working", "success", "Working", "运行正常"),
    "new": Row("", "new", "danger", "Nobody is logged in", "尚未登录", "Log in to GitHub"),
    "overquota": Row(
        "overquota", "usedup", "warning", "The plan is used up", "已用完", "See what still works", report
    ),
    "noaccess": Row("noaccess", "noaccess", "danger", "may not use Copilot", "无权使用", "See plans"),
    "revoked": Row(
        "revoked", "refused", "danger", "GitHub rejects the login", "拒绝此登录", "Log in to GitHub", revoke
    ),
    "no plan": Row("foreignapp", "noaccess", "danger", "may not use Copilot", "无权使用", "See plans"),
    "github down": Row(
        "demo", "unreachable", "danger", "can&#39;t be reached", "无法连接", "Check again", hosts=False
    ),
    "unicorn": Row("unicorn", "unreachable", "danger", "can&#39;t be reached", "无法连接", "Check again"),
    "resting": Row(
        "demo", "resting", "warning", "Copilot has asked for a pause", "要求稍候", "See the limits", rest
    ),
    "a model rests": Row(
        "demo", "modelrests", "warning", "claude-opus-4.6 rests", "暂停中", "See the limits", rest_model
    ),
    "failing": Row("demo", "failing", "danger", "Copilot fails", "出现故障", "See the failures", fail),
}


@pytest.fixture
def make(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[[Row], Flask]]:
    made: list[Flask] = []

    def make(row: Row) -> Flask:
        url = simulator.url if row.hosts else NOWHERE
        token = Secret(new_token(row.account)) if row.account else Secret()
        app = create_app(
            Config(home=tmp_path / row.state, github_url=url, github_api_url=url, github_token=token)
        )
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["copilot_bridge"].store.close()


@pytest.mark.parametrize("name", STATES)
def test_home_says_what_is_wrong_and_what_to_do(make: Callable[[Row], Flask], name: str) -> None:
    row = STATES[name]
    app = make(row)
    bridge: Bridge = app.extensions["copilot_bridge"]
    row.before(bridge)
    bridge.health.status.report(bridge.health.check())
    client = app.test_client()
    page = client.get("/", headers=EN).text
    assert f'class="status {row.kind}" data-state="{row.state}"' in page
    assert row.english in page
    assert row.button in page
    assert ("<title>⚠ Home" in page) == (row.kind != "success")
    assert (f"icon-{row.kind}.svg" in page) == (row.kind != "success")
    assert row.chinese in client.get("/", headers=ZH).text
    assert f'data-state="{row.state}"' in client.get("/usage", headers=EN).text, "as on every page"
    assert ("checklist" in page) == (name != "failing"), "until there is a first request"


def test_a_forecast_in_the_plans_own_unit_and_in_dollars(make: Callable[[Row], Flask]) -> None:
    for account, words in (
        ("individual", ("<strong>89.1</strong>", "of 300 requests left", "US$ 3.56 left, US$ 8.44 used")),
        ("tokenbilled", ("AI units left", "requests continue at extra cost")),
        ("noaccess", ("no Copilot plan",)),
    ):
        app = make(Row(account, account, "", "", ""))
        part = app.test_client().get("/status/quota", headers=EN).text
        assert [word for word in words if word not in part] == [], account
        assert "Completions" not in part, "nobody wants to know"


def test_home_shows_a_budget_of_which_half_is_used(make: Callable[[Row], Flask]) -> None:
    app = make(STATES["failing"])
    bridge: Bridge = app.extensions["copilot_bridge"]
    fail(bridge)
    budget = set_budget(bridge.store, ALL, "", read_limit("4 requests/day"))
    for used, shown in ((1, False), (2, True)):
        bridge.store.budgets.settle(f"{used}", [Demand(budget, "", NANO)], [None])
        page = app.test_client().get("/", headers=EN).text
        assert (f"{25 * used} % of the budget used" in page) == ("budgets-title" in page) == shown
