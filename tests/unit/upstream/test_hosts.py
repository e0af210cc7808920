"""The hosts of an account's requests."""

import pytest

from copilot_bridge.config import Config
from copilot_bridge.upstream.hosts import Hosts

DOTCOM = "https://api.githubcopilot.com"


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [
        ({}, Hosts("https://github.com", "https://api.github.com", DOTCOM)),
        (
            {"enterprise_url": "octo.ghe.com"},
            Hosts(
                "https://octo.ghe.com",
                "https://api.octo.ghe.com",
                "https://copilot-api.octo.ghe.com",
                "octo.ghe.com",
            ),
        ),
        (
            {"account_type": "individual"},
            Hosts(
                "https://github.com",
                "https://api.github.com",
                "https://api.individual.githubcopilot.com",
                operator_set=True,
            ),
        ),
        (
            {"account_type": "business", "copilot_api_url": "https://mine.example"},
            Hosts("https://github.com", "https://api.github.com", "https://mine.example", operator_set=True),
        ),
        (
            {"github_url": "http://127.0.0.1:9", "github_api_url": "http://127.0.0.1:8"},
            Hosts("http://127.0.0.1:9", "http://127.0.0.1:8", DOTCOM),
        ),
    ],
)
def test_the_settings_name_the_hosts(settings, hosts):
    assert Hosts.of(Config(**settings)) == hosts


@pytest.mark.parametrize(
    ("url", "believed"),
    [
        ("https://copilot-api.octo.ghe.com", True),
        ("https://api.business.githubcopilot.com", True),
        ("https://evilocto.ghe.com", False),
        ("https://copilot-api.other.ghe.com", False),
        ("https://octo.ghe.com.evil.example", False),
        ("http://copilot-api.octo.ghe.com", False),
    ],
)
def test_an_enterprise_is_believed_about_its_own_hosts(url, believed):
    assert Hosts.of(Config(enterprise_url="octo.ghe.com")).is_trusted(url) is believed


@pytest.mark.parametrize(
    ("url", "believed"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.0.0.1:8080/business", True),
        ("http://127.0.0.1:8081", False),
        ("https://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080@evil.example", False),
        ("http://me@127.0.0.1:8080", False),
    ],
)
def test_a_simulator_is_believed_about_itself(url, believed):
    assert Hosts.of(Config(github_api_url="http://127.0.0.1:8080")).is_trusted(url) is believed


def test_the_first_trusted_address_is_chosen():
    hosts = Hosts.of(Config())
    one, two = "https://api.business.githubcopilot.com/", "https://api.individual.githubcopilot.com"
    assert hosts.choose(one, two) == one.rstrip("/")
    assert hosts.choose(None, "https://evil.example", two) == two
    assert hosts.choose() == DOTCOM
    assert (
        Hosts.of(Config(account_type="enterprise")).choose(one) == "https://api.enterprise.githubcopilot.com"
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, DOTCOM),
        ({"enterprise_url": "octo.ghe.com"}, "https://copilot-api.octo.ghe.com"),
        ({"github_api_url": "http://127.0.0.1:8"}, ""),
        (
            {"github_api_url": "http://127.0.0.1:8", "copilot_api_url": "http://127.0.0.1:9"},
            "http://127.0.0.1:9",
        ),
    ],
)
def test_copilots_address_is_expected_only_where_the_operators_github_is_githubs_own(settings, expected):
    """Or a simulated bridge would open a connection to the real Copilot before it has a token."""
    assert Hosts.of(Config(**settings)).expected == expected
