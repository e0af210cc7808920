"""The proxy: the setting's, or the environment's as curl and requests read it."""

import pytest

from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.upstream.transport.proxies import Proxies

COPILOT = "https://api.githubcopilot.com/models"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://a:1"}, None),
        ({"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"HTTPS_PROXY": "http://b:1", "ALL_PROXY": "socks5h://c:1"}, "http://b:1"),
        ({"all_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"all_proxy": "http://a:1", "ALL_PROXY": "http://b:1", "HTTP_PROXY": "http://c:1"}, "http://a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"ALL_PROXY": "", "HTTPS_PROXY": "b:3128"}, "http://b:3128"),
        ({"ALL_PROXY": "socks://127.0.0.1:1080/"}, "socks5h://127.0.0.1:1080"),
        ({"all_proxy": "SOCKS://me:secret@h:1080"}, "socks5h://me:secret@h:1080"),
        ({"ALL_PROXY": "socks5://h:1080"}, "socks5://h:1080"),
        ({"HTTP_PROXY": "ftp://nobody/uses/it"}, None),
        ({"HTTPS_PROXY": "http://b:1", "ALL_PROXY": "ftp://nobody/uses/it"}, "http://b:1"),
    ],
)
def test_the_proxy_is_read_from_the_environment(environ, url):
    expected = {"http": url, "https": url} if url else {}
    assert Proxies(Config(), environ).of(COPILOT) == expected
    assert Proxies(Config(proxy_env=False), environ).of(COPILOT) == {}
    explicit = Proxies(Config(proxy="http://mine:1"), environ).of(COPILOT)
    assert explicit == {"http": "http://mine:1", "https": "http://mine:1"}


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("githubcopilot.com", COPILOT, True),
        (".githubcopilot.com", COPILOT, True),
        ("*.githubcopilot.com", COPILOT, True),
        ("api.githubcopilot.com", COPILOT, True),
        ("API.GitHubCopilot.com.", COPILOT, True),
        ("other.example, githubcopilot.com", COPILOT, True),
        ("other.example githubcopilot.com", COPILOT, True),
        ("*", COPILOT, True),
        ("api.githubcopilot.com:443", COPILOT, True),
        ("api.githubcopilot.com:8443", "https://api.githubcopilot.com:8443/", True),
        ("192.0.2.0/24", "https://192.0.2.7/", True),
        ("192.0.2.7", "https://192.0.2.7/", True),
        ("2001:db8::/32", "https://[2001:db8::1]/", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/", True),
        ("api.githubcopilot.com:8443", COPILOT, False),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]/", False),
        ("192.0.3.0/24", "https://192.0.2.7/", False),
        ("github.com", COPILOT, False),
        ("hubcopilot.com", COPILOT, False),
        ("copilot.com", "https://evilcopilot.example/", False),
        (".", COPILOT, False),
        (",", COPILOT, False),
        ("", COPILOT, False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_names_hosts_without_a_proxy(name, no_proxy, url, direct):
    proxies = Proxies(Config(), {"HTTPS_PROXY": "http://a:1", name: no_proxy})
    assert (proxies.of(url) == {}) is direct


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost:1/x",
        "http://[::1]:1",
        "https://127.9.9.9",
        "http://a.localhost",
    ],
)
def test_loopback_is_never_proxied(url):
    assert Proxies(Config(proxy="http://a:1"), {}).of(url) == {}
    assert Proxies(Config(), {"ALL_PROXY": "http://a:1"}).of(url) == {}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "given", ["ftp://me:SECRET@proxy", "http://", "me:SECRET@", "ftp://me:SEC/RET@p", "socks9://me:SEC@RET@p"]
)
def test_a_malformed_proxy_in_the_environment_is_named_without_its_password(name, given):
    with pytest.raises(ConfigError) as caught:
        Proxies(Config(), {name: given})
    assert str(caught.value).startswith(f"{name} (from the environment): ")
    assert "RET" not in str(caught.value)
