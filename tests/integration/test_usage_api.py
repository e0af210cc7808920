"""/usage.json: GitHub's report on the caller's own account, in the shape that tools know."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.harness import NOWHERE, Bridge, Simulator, Start, new_token

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

USER = "/copilot_internal/user"


def asked(simulator: Simulator, github_token: str) -> int:
    entries = simulator.ledger(path=USER)
    return sum(entry["headers"].get("authorization") == f"token {github_token}" for entry in entries)


@pytest.mark.parametrize("path", ["/usage.json", "/usage"])
def test_usage_has_the_shape_that_tools_know(bridge: Bridge, path: str) -> None:
    response = bridge.request("GET", path)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    body = response.json
    assert (body["login"], body["copilot_plan"]) == ("octo-demo", "business")
    assert body["access_type_sku"]
    assert body["quota_reset_date"]
    for name in ("chat", "completions", "premium_interactions"):
        quota = body["quota_snapshots"][name]
        assert isinstance(quota["percent_remaining"], float)
        assert {"entitlement", "remaining", "quota_remaining", "unlimited"} <= quota.keys()
        assert {"overage_count", "overage_permitted"} <= quota.keys()
    assert bridge.github_token.encode() not in response.body


def test_every_plan_has_its_quotas(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", api_key="operator", allow_github_tokens=1)
    for persona in ("free", "legacyfree", "tokenbilled", "overquota", "noaccess"):
        response = bridge.request("GET", "/usage.json", headers={"x-api-key": new_token(persona)})
        assert response.status == 200, persona
        assert response.json["copilot_plan"], persona


def test_many_tabs_ask_github_once(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(workers=2).warm()
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: bridge.request("GET", "/usage.json"), range(40)))
    assert {response.status for response in responses} == {200}
    assert len({response.body for response in responses}) == 1
    assert asked(simulator, bridge.github_token) == 1


def test_each_caller_sees_their_own_account(start_bridge: Start, simulator: Simulator) -> None:
    mine, theirs = new_token("free"), new_token("individual")
    bridge = start_bridge(
        server="gevent", api_key="operator", share_token=f"share-given:{mine}", allow_github_tokens=1
    )
    store = open_store(bridge.home)
    store.logins.add("other", Secret(new_token("tokenbilled")), simulator.url)
    key = store.keys.add(Key("plain", KEY, b""))
    other = store.keys.add(Key("other", KEY, b"", account="other"))
    store.close()

    def account_of(given: str) -> tuple[str | None, str]:
        response = bridge.request("GET", "/usage.json", headers={"x-api-key": given})
        assert response.status == 200, response.body
        assert response.json["quota_snapshots"]
        hidden = ("endpoints", "organization_list", "analytics_tracking_id", "login")
        assert "login" in response.json or not {*hidden} & response.json.keys()
        return response.json.get("login"), response.json["access_type_sku"]

    assert account_of("operator")[0] == "octo-demo"
    assert account_of(theirs) == ("octo-individual", "monthly_subscriber_quota")
    assert account_of("share-given") == (None, "free_limited_copilot")
    assert account_of(key)[0] is None
    assert account_of(other)[0] is None
    assert "token_based_billing" in bridge.request("GET", "/usage", headers={"x-api-key": other}).json
    assert bridge.request("GET", "/usage.json").status == 401
    assert bridge.request("GET", "/usage.json", headers={"x-api-key": "wrong"}).status == 401


def test_each_failure_explains_itself(start_bridge: Start) -> None:
    nobody = start_bridge(server="gevent", github_token="")
    response = nobody.request("GET", "/usage.json")
    assert response.status == 401
    assert "copilot-bridge auth" in response.error["message"]
    revoked = start_bridge(server="gevent", github_token="ghu_never_issued")
    response = revoked.request("GET", "/usage.json")
    assert response.status == 401
    assert "does not accept this login" in response.error["message"]
    foreign = start_bridge(server="gevent", github_token=new_token("foreignapp"))
    assert foreign.request("GET", "/usage.json").status == 403
    alone = start_bridge(server="gevent", github_api_url=NOWHERE)
    response = alone.request("GET", "/usage.json")
    assert (response.status, response.error["code"]) == (502, "upstream_unreachable")
    assert "127.0.0.1:9" in response.error["message"]
