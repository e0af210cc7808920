"""Access to the Copilot API: headers and hosts; models and embeddings."""

import math

import pytest
from simulator_calls import Client

PAT = "checking third-party user token: bad request:"
PIXEL = "data:image/png;base64,aGVsbG8="


def models(client: Client, headers: dict[str, str], path: str = "") -> tuple[int, str]:
    response = client.request("GET", f"{path}/models", headers=headers)
    return response.status_code, response.text


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"Editor_Version": None}, 400, "bad request: missing Editor-Version header for IDE auth\n"),
        ({"Editor_Version": "emacs"}, 400, "bad request: unknown Editor-Version header for IDE auth\n"),
        (
            {"Copilot_Integration_Id": None},
            400,
            "bad request: missing required Copilot-Integration-Id header\n",
        ),
        ({"Copilot_Integration_Id": "mine"}, 400, "bad request: unknown Copilot-Integration-Id\n"),
        ({"Authorization": "Bearer tid=1;exp=1:ab"}, 401, "unauthorized: token expired\n"),
        ({"Authorization": None}, 401, "unauthorized: AuthenticateToken authentication failed\n"),
        (
            {"Authorization": "Bearer ghp_1"},
            400,
            f"{PAT} Personal Access Tokens are not supported for this endpoint\n",
        ),
    ],
)
def test_the_front_door_checks_the_headers(
    client: Client, change: dict[str, str | None], status: int, text: str
) -> None:
    assert models(client, client.headers(**change)) == (status, text)


def test_other_hosts_are_misdirected(client: Client) -> None:
    assert models(client, client.headers("business"), "/individual") == (421, "Misdirected Request\n")
    assert models(client, client.headers("business"))[0] == 421
    assert models(client, client.headers("business"), "/business")[0] == 200
    first, second = client.headers("moved"), client.headers("moved")
    assert models(client, first, "/individual")[0] == 421
    assert models(client, second, "/business")[0] == 200


@pytest.mark.parametrize("prefix", ["gho", "github_pat"])
def test_github_tokens_are_accepted_as_bearer(client: Client, prefix: str) -> None:
    assert models(client, {"Authorization": f"Bearer {client.github_token('demo', prefix)}"})[0] == 200


def test_a_pat_without_permission_is_refused(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.github_token('patnoperm', 'github_pat')}"}
    assert models(client, headers)[0] == 401


def test_tokens_can_be_expired(client: Client) -> None:
    headers = client.headers()
    response = client.request("POST", "/_simulator/expire", json={"github_token": client.github_token()})
    assert response.json() == {"expired": 1}
    assert models(client, headers) == (401, "unauthorized: token expired\n")
    assert models(client, client.headers())[0] == 200


def test_every_response_carries_the_service_headers(client: Client) -> None:
    response = client.request("GET", "/models", headers=client.headers(X_Request_Id="mine"))
    assert response.headers["x-request-id"] == "mine"
    assert {"x-github-request-id", "x-copilot-service-request-id", "content-security-policy"} <= {
        name.lower() for name in response.headers
    }
    assert response.headers["x-quota-snapshot-chat"].startswith("ent=-1&")
    over = client.request("GET", "/models", headers=client.headers("overquota"))
    assert "rem=-0.333" in over.headers["x-quota-snapshot-premium_interactions"]
    assert "x-usage-ratelimit-weekly" in over.headers


def test_a_ping_needs_no_bearer(client: Client) -> None:
    assert client.request("GET", "/business/_ping").status_code == 200


def test_over_quota_refuses_chat(client: Client) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    response = client.request("POST", "/chat/completions", json=body, headers=client.headers("overquota"))
    assert (response.status_code, response.json()["error"]["code"]) == (402, "quota_exceeded")
    assert response.headers["retry-after"].endswith("GMT")


def test_the_model_list_has_its_quirks(client: Client) -> None:
    rows = client.request("GET", "/models", headers=client.headers()).json()["data"]
    ids = [row["id"] for row in rows]
    assert ids.count("gpt-4") == 2
    by_id = {row["id"]: row for row in rows}
    assert "supported_endpoints" not in by_id["gpt-4o"]
    assert by_id["o4-mini"]["policy"]["state"] == "unconfigured"
    assert "experimental_badge" in by_id["grok-code-fast-1"]
    assert client.request("GET", "/models/gpt-4o", headers=client.headers()).json() == by_id["gpt-4o"]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("gpt-5.3-codex", "unsupported_api_for_model"),
        ("o4-mini", "model_not_supported"),
        ("gpt-0", "model_not_supported"),
        ("text-embedding-3-small", "model_not_supported"),
    ],
)
def test_models_that_cannot_chat_are_refused(client: Client, model: str, code: str) -> None:
    response = client.chat("hello", model)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def test_the_auto_token_is_bound_to_its_account(client: Client) -> None:
    started = client.request("POST", "/models/session", json={}, headers=client.headers()).json()
    body = {"model": started["selected_model"], "messages": [{"role": "user", "content": "hello"}]}
    for session, status in ((started["session_token"], 200), ("st_foreign", 401)):
        headers = client.headers(Copilot_Session_Token=session)
        assert client.request("POST", "/chat/completions", json=body, headers=headers).status_code == status


def test_images_need_their_header(client: Client) -> None:
    content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}
    response = client.request("POST", "/chat/completions", json=body, headers=client.headers())
    message = "missing required Copilot-Vision-Request header for vision requests"
    assert response.json() == {"error": {"message": message, "code": ""}}
    headers = client.headers(Copilot_Vision_Request="true")
    seen = client.request("POST", "/chat/completions", json=body, headers=headers).json()
    assert "1 image (image/png of 5 bytes)" in seen["choices"][0]["message"]["content"]


def embed(client: Client, **body: object) -> tuple[int, dict[str, object]]:
    sent = {"model": "text-embedding-3-small", **body}
    response = client.request("POST", "/embeddings", json=sent, headers=client.headers())
    return response.status_code, response.json()


def test_equal_texts_have_equal_embeddings(client: Client) -> None:
    status, response = embed(client, input=["one", "two", "one"], dimensions=64, encoding_format="base64")
    assert status == 200
    assert response.keys() == {"data", "usage"}
    one, two, again = (row["embedding"] for row in response["data"])  # type: ignore[attr-defined]
    assert one == again != two
    assert len(one) == 64
    assert math.isclose(sum(number**2 for number in one), 1.0, rel_tol=1e-3)


@pytest.mark.parametrize("wrong", ["text", [], [1, 2], ["x"] * 513])
def test_a_wrong_input_of_embeddings_is_refused(client: Client, wrong: object) -> None:
    assert embed(client, input=wrong)[0] == 400


# --- the catalogue, by who asks

NEW = {"Editor-Version": "copilot/1.0.102", "X-GitHub-Api-Version": "2026-08-01"}
OLD = {"Editor-Plugin-Version": "copilot-chat/0.42.0", "X-GitHub-Api-Version": "2025-05-01"}


@pytest.mark.parametrize(
    ("headers", "price", "warned"),
    [
        (NEW, 300, False),
        (OLD, 300_000_000_000, True),
        (OLD | {"X-GitHub-Api-Version": "2026-07-01"}, 300, True),
    ],
)
def test_prices_have_the_form_of_the_client_version(
    client: Client, headers: dict[str, str], price: int, warned: bool
) -> None:
    models = client.request("GET", "/models", headers=client.headers() | headers).json()["data"]
    assert not any("multiplier" in row["billing"] for row in models)
    prices = next(row for row in models if row["id"] == "claude-sonnet-5")["billing"]["token_prices"]
    assert (prices.get("default") or prices)["input_price"] == price
    codes = [{message["code"] for message in row.get("warning_messages", ())} for row in models]
    assert {"client_version_deprecated" in code for code in codes} == {warned}


def test_the_earlier_catalogue_has_multipliers(client: Client) -> None:
    models = client.request("GET", "/models", headers=client.headers("spring") | OLD).json()["data"]
    assert all("multiplier" in row["billing"] for row in models)
    assert (
        b"client_version_deprecated"
        not in client.request("GET", "/models", headers=client.headers("spring") | OLD).content
    )
