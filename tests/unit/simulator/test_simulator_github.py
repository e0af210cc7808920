"""Sign-in, exchange and user info, for each persona."""

import time
from typing import Any

import pytest
from simulator_calls import Client

APP = {"client_id": "Iv1.b507a08c87ecfe98"}
JSON = {"Accept": "application/json"}


def start_device(client: Client, script: dict[str, Any] | None = None) -> dict[str, Any]:
    if script:
        assert client.request("POST", "/_simulator/device", json=script).status_code == 200
    return client.request("POST", "/login/device/code", json=APP, headers=JSON).json()


def poll(client: Client, code: dict[str, Any]) -> dict[str, Any]:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    body = {**APP, "device_code": code["device_code"], "grant_type": grant}
    response = client.request("POST", "/login/oauth/access_token", json=body, headers=JSON)
    assert response.status_code == 200
    return response.json()


def test_device_flow_follows_its_script(client: Client) -> None:
    responses = ["authorization_pending", "slow_down", "success"]
    code = start_device(client, {"responses": responses, "interval": 0, "token": "gho_sim_demo"})
    assert (len(code["device_code"]), len(code["user_code"]), code["interval"]) == (40, 9, 0)
    assert poll(client, code)["error"] == "authorization_pending"
    assert poll(client, code) | {"error_description": "", "error_uri": ""} == {
        "error": "slow_down",
        "error_description": "",
        "error_uri": "",
        "interval": 5,
    }
    assert poll(client, code) == {
        "access_token": "gho_sim_demo",
        "token_type": "bearer",
        "scope": "read:user",
    }


@pytest.mark.parametrize("response", ["expired_token", "access_denied", "incorrect_device_code"])
def test_the_last_response_repeats(client: Client, response: str) -> None:
    code = start_device(client, {"responses": [response], "interval": 0})
    assert [poll(client, code)["error"] for _ in range(2)] == [response, response]


def test_too_fast_a_poll_raises_the_interval(client: Client) -> None:
    code = start_device(client)
    assert [poll(client, code).get("interval") for _ in range(3)] == [None, 6, 11]


def test_an_unscripted_code_is_redeemed_once(client: Client) -> None:
    code = start_device(client, {"interval": 0})
    responses = [poll(client, code) for _ in range(3)]
    assert responses[0]["error"] == "authorization_pending"
    assert responses[1]["access_token"].startswith("ghu_sim_demo.")
    assert responses[2]["error"] == "incorrect_device_code"


def test_codes_expire(client: Client) -> None:
    code = start_device(client, {"responses": ["success"], "expires_in": 0})
    assert poll(client, code)["error"] == "expired_token"


def test_without_accept_github_responds_with_a_form(client: Client) -> None:
    response = client.request("POST", "/login/device/code", data=APP)
    assert response.text.startswith("device_code=")


def test_the_exchange_tells_token_host_and_life(client: Client) -> None:
    response = client.exchange("business").json()
    assert response["endpoints"]["api"] == f"{client.url}/business"
    assert response["refresh_in"] == 1500
    assert f"exp={response['expires_at']}" in response["token"]
    assert response["token"].startswith("tid=")


@pytest.mark.parametrize(
    ("persona", "status", "text"),
    [
        ("noaccess", 403, "no_copilot_access"),
        ("blocked", 403, "access_revoked"),
        ("scripted", 403, "programmatic_token_generation"),
        ("ratelimited", 403, "rate limit"),
        ("foreignapp", 404, "Not Found"),
        ("foreignghapp", 403, "not accessible by integration"),
        ("unicorn", 502, "<!DOCTYPE html>"),
        ("nobody", 401, "Bad credentials"),
    ],
)
def test_an_exchange_is_refused_by_the_persona(client: Client, persona: str, status: int, text: str) -> None:
    response = client.exchange(persona)
    assert response.status_code == status
    assert text in response.text


def test_githubs_rate_limit_has_its_reset_time(client: Client) -> None:
    assert int(client.exchange("ratelimited").headers["x-ratelimit-reset"]) > time.time()


@pytest.mark.parametrize("token", ["ghp_anything", "github_pat_sim_demo"])
def test_personal_tokens_are_not_exchanged(client: Client, token: str) -> None:
    response = client.request(
        "GET", "/copilot_internal/v2/token", headers={"Authorization": f"token {token}"}
    )
    assert response.status_code in (403, 404)


def test_some_personas_change_with_each_exchange(client: Client) -> None:
    assert [client.exchange("flaky").status_code for _ in range(3)] == [200, 502, 502]
    hosts = [client.exchange("moved").json()["endpoints"]["api"] for _ in range(3)]
    assert [host.removeprefix(client.url) for host in hosts] == ["/individual", "/business", "/business"]
    assert client.exchange("evil").json()["endpoints"]["api"] == "https://attacker.example"
    assert client.exchange("shortlived").json()["refresh_in"] == 2
    assert client.exchange("skewed").json()["expires_at"] > time.time() + 4500


@pytest.mark.parametrize(
    ("persona", "plan", "percent"),
    [
        ("demo", "business", 83.443),
        ("individual", "individual", 29.7),
        ("enterprise", "enterprise", 77.1),
        ("free", "free", 96.0),
        ("tokenbilled", "business", 25.9),
        ("overquota", "individual", -0.333),
    ],
)
def test_user_info_has_plan_and_quota(client: Client, persona: str, plan: str, percent: float) -> None:
    headers = {"Authorization": f"Bearer {client.github_token(persona)}"}
    info = client.request("GET", "/copilot_internal/user", headers=headers).json()
    assert (info["login"], info["copilot_plan"]) == (f"octo-{persona}", plan)
    assert info["endpoints"]["api"].startswith(client.url)
    assert info["quota_snapshots"]["premium_interactions"]["percent_remaining"] == percent


def test_the_legacy_form_has_no_snapshots(client: Client) -> None:
    headers = {"Authorization": f"token {client.github_token('legacyfree')}"}
    info = client.request("GET", "/copilot_internal/user", headers=headers).json()
    assert info["limited_user_quotas"] == {"chat": 350, "completions": 60}
    assert "quota_snapshots" not in info


def test_rest_wants_a_user_agent(client: Client) -> None:
    headers = {"Authorization": f"token {client.github_token()}", "User-Agent": ""}
    response = client.request("GET", "/user", headers=headers)
    assert response.status_code == 403


def test_the_graph_tells_the_host(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.github_token('individual', 'gho')}"}
    body = {"query": "query { viewer { login copilotEndpoints { api } } }"}
    viewer = client.request("POST", "/graphql", json=body, headers=headers).json()["data"]["viewer"]
    assert viewer["login"] == "octo-individual"
    assert viewer["copilotEndpoints"]["api"] == f"{client.url}/individual"
