"""Auto mode in both versions, and paths that are not there."""

import socket
from typing import Any

import pytest
import requests
from simulator_calls import Client

PROMPT = {"prompt": "Say hello.", "has_image": False}


def ask(client: Client, path: str, body: Any, **headers: str) -> requests.Response:
    fields = {"X_GitHub_Api_Version": "2026-08-01", **headers}
    return client.request("POST", path, json=body, headers=client.headers(**fields))


@pytest.mark.parametrize("version", ["2025-05-01", "2026-01-09"])
def test_an_older_api_has_no_auto(client: Client, version: str) -> None:
    assert ask(client, "/auto", PROMPT, X_GitHub_Api_Version=version).status_code == 404
    assert ask(client, "/models/session", {}, X_GitHub_Api_Version=version).status_code == 200


def test_the_picked_model_comes_with_its_row(client: Client) -> None:
    picked = ask(client, "/auto", PROMPT).json()
    row = client.request("GET", f"/models/{picked['selected_model']['id']}", headers=client.headers()).json()
    assert picked.keys() == {
        "session_token",
        "expires_at",
        "selected_model",
        "hydra_scores",
        "discounted_costs",
    }
    assert picked["selected_model"]["capabilities"] == row["capabilities"]
    assert "policy" not in picked["selected_model"]
    assert picked["discounted_costs"] == {row["id"]: 0.1}


def test_the_tier_decides_on_the_model(client: Client) -> None:
    picked = {
        tier: ask(client, "/auto", PROMPT | {"tier": tier}).json() for tier in ("efficiency", "balance")
    }
    assert len({response["selected_model"]["id"] for response in picked.values()}) == 2
    usual = ask(client, "/auto", PROMPT).json()
    assert usual["selected_model"] == picked["balance"]["selected_model"]


@pytest.mark.parametrize("wrong", [{}, {"prompt": 1}, PROMPT | {"tier": "fast"}, []])
def test_auto_refuses_invalid_bodies(client: Client, wrong: Any) -> None:
    assert ask(client, "/auto", wrong).status_code == 400


def test_the_first_version_picks_in_two_calls(client: Client) -> None:
    started = ask(client, "/models/session", {"auto_mode": {"model_hints": ["auto"]}}).json()
    assert started["selected_model"] in started["available_models"]
    body = PROMPT | {"available_models": started["available_models"]}
    token = started["session_token"]
    picked = ask(client, "/models/session/intent", body, Copilot_Session_Token=token).json()
    assert picked["chosen_model"] in started["available_models"]


@pytest.mark.parametrize("token", [{}, {"Copilot_Session_Token": "st_of_nobody"}])
def test_the_intent_belongs_to_a_session(client: Client, token: dict[str, str]) -> None:
    body = PROMPT | {"available_models": ["gpt-5-mini"]}
    assert ask(client, "/models/session/intent", body, **token).status_code == 401


def set_outage(client: Client, **paths: Any) -> requests.Response:
    body = {"github_token": client.github_token(), "paths": paths}
    return client.request("POST", "/_simulator/outages", json=body)


@pytest.mark.parametrize(("path", "status"), [("/auto", 404), ("/models/session", 503), ("/mcp", 502)])
def test_a_path_can_be_made_absent(client: Client, path: str, status: int) -> None:
    assert set_outage(client, **{path: status}).status_code == 200
    assert ask(client, path, PROMPT).status_code == status
    assert Client(client.url).response("hello").status_code == 200, "another account is not affected"
    set_outage(client, **{path: None})
    assert ask(client, path, PROMPT).status_code != status


def test_a_path_can_be_silent(client: Client) -> None:
    set_outage(client, **{"/auto": "never"})
    body = client.suffix.encode()
    host, port = client.url.removeprefix("http://").split(":")
    headers = {**client.headers(), "Host": "simulator", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, int(port)), timeout=0.2) as sock:
        sock.sendall(f"POST /auto HTTP/1.1\r\n{head}\r\n".encode() + body)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    (entry,) = client.ledger(client.suffix, path="/auto", ended=1, timeout=5)
    assert entry["outcome"] == "client-gone"


@pytest.mark.parametrize("paths", [{}, {"/nowhere": 404}, {"/auto": 200}, {"/auto": "always"}])
def test_unknown_outages_are_refused(client: Client, paths: dict[str, Any]) -> None:
    assert set_outage(client, **paths).json()["error"]["code"] == "simulator_misuse"


def test_a_persona_has_only_the_first_version(client: Client) -> None:
    headers = client.headers("firstauto")
    assert client.request("POST", "/auto", json=PROMPT, headers=headers).status_code == 404
    assert client.request("POST", "/models/session", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "seat", "single"),
    [
        ("/copilot_internal/managed_settings", {}, 404),
        ("/copilot_internal/team_customizations", {"plugins": []}, 404),
        ("/copilot/mcp_registry", {"mcp_registries": []}, 200),
    ],
)
def test_policies_of_an_organization_are_served(client: Client, path: str, seat: Any, single: int) -> None:
    asked = {
        name: client.request("GET", path, headers={"Authorization": f"Bearer {client.github_token(name)}"})
        for name in ("business", "individual")
    }
    assert asked["business"].json() == seat
    assert asked["individual"].status_code == single
    assert asked["individual"].headers["x-github-request-id"]
    assert client.request("GET", path).status_code == 401
