"""The prefixes that mean /v1."""

import pytest

from copilot_bridge.http.path_prefixes import resolve


@pytest.mark.parametrize(
    ("requested", "routed"),
    [
        ("/v1/v1/messages", "/v1/messages"),
        ("/openai/v1/responses/resp_1", "/v1/responses/resp_1"),
        ("/openai/deployments/my model/chat/completions", "/v1/chat/completions"),
        ("/openai/responses", "/v1/responses"),
        ("/v1beta/openai/models", "/v1/models"),
        ("/api/v1/models", "/v1/models"),
    ],
)
def test_an_alias_means_v1(requested: str, routed: str) -> None:
    assert resolve(requested) == routed


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages",
        "/v1/v1",
        "/v1/v1messages",
        "/api/v1",
        "/api/chat",
        "/openai/deployments//chat/completions",
        "/openai/deployments/x",
        "/openai",
        "/openai/deployments/",
        "/v1beta/openai",
        "/x/v1/v1/messages",
        "",
    ],
)
def test_other_paths_are_routed_as_they_are(path: str) -> None:
    assert resolve(path) == path
