"""Which requests of web pages are rejected, and which address a request comes from."""

import pytest

from copilot_bridge.access.origins import OriginPolicy, RequestOrigin
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError


def keeper(**settings):
    return OriginPolicy(Config(**settings))


def request(**fields):
    return RequestOrigin(**{"peer": "127.0.0.1", "host": "127.0.0.1:4141", "scheme": "http", **fields})


def refused(policy, **fields):
    try:
        policy.check(request(**fields))
    except BridgeError as error:
        return error.kind == "permission"
    return False


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:4141", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("app.localhost:4141", True),
        ("[::1]:4141", True),
        ("192.168.1.5:4141", True),
        ("[fe80::1]", True),
        ("", True),
        ("evil.example", False),
        ("evil.example:4141", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.nip.example", False),
        ("bridge.lan", False),
        ("local host", False),
        ("127.1", False),
        ("0x7f000001", False),
    ],
)
def test_only_own_hosts_are_allowed(host, own):
    assert refused(keeper(), host=host) is not own


def test_allowed_host_adds_a_host():
    policy = keeper(host="work.lan", allowed_host=("bridge.example",))
    assert not refused(policy, host="bridge.example:443")
    assert not refused(policy, host="Work.LAN")
    assert refused(policy, host="sub.bridge.example")


def test_the_machines_name_is_allowed_if_other_machines_can_reach_it(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Tower")
    assert not refused(keeper(host="0.0.0.0"), host="tower.local:4141")
    assert refused(keeper(host="127.0.0.1"), host="tower.local:4141")


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("", True),
        ("http://127.0.0.1:4141", True),
        ("https://127.0.0.1:4141", False),
        ("http://127.0.0.1:3000", False),
        ("http://localhost:4141", False),
        ("https://evil.example", False),
        ("http://[::1", False),
        ("null", False),
        ("NULL", False),
        ("file://", False),
        ("evil", False),
        ("app://cherry-studio", True),
        ("vscode-webview://1a2b", True),
    ],
)
def test_foreign_origins_are_rejected(origin, let_in):
    assert refused(keeper(), origin=origin) is not let_in


def test_cors_origin_allows_an_origin():
    policy = keeper(cors_origin=("https://chat.example", "http://localhost:3000"))
    assert not refused(policy, origin="https://chat.example", fetch_site="cross-site")
    assert not refused(policy, origin="http://localhost:3000", fetch_site="same-site")
    assert refused(policy, origin="https://chat.example.evil.example")
    assert refused(policy, origin="http://chat.example")
    assert refused(policy, origin="https://chat.example", host="evil.example"), (
        "a rebound name is rejected anyway"
    )


@pytest.mark.parametrize(
    ("site", "mode", "let_in"),
    [
        ("", "", True),
        ("none", "navigate", True),
        ("same-origin", "cors", True),
        ("", "cors", True),  # node's fetch says so much
        ("cross-site", "no-cors", False),
        ("same-site", "cors", False),
        ("cross-site", "navigate", True),
    ],
)
def test_cross_site_requests_are_rejected_by_sec_fetch_headers(site, mode, let_in):
    assert refused(keeper(), fetch_site=site, fetch_mode=mode) is not let_in


@pytest.mark.parametrize(
    ("peer", "forwarded", "client", "local"),
    [
        ("127.0.0.1", "", "127.0.0.1", True),
        ("::1", "", "::1", True),
        ("", "", "unix", True),
        ("", "198.51.100.7", "198.51.100.7", False),
        ("192.168.1.9", "", "192.168.1.9", False),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7", False),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7", False),
        ("127.0.0.1", "unknown", "unknown", False),
        ("127.0.0.1", "[2001:db8::1]:9", "2001:db8::1", False),
        ("192.168.1.9", "127.0.0.1", "192.168.1.9", False),  # anybody may say that
    ],
)
def test_the_client_is_the_last_untrusted_hop(peer, forwarded, client, local):
    policy = keeper()
    one = request(peer=peer, forwarded_for=forwarded)
    assert policy.locate(one) == (client, local)


def test_trusted_proxy_adds_networks():
    policy = keeper(trusted_proxy=("10.0.0.0/8", "2001:db8::/32"))
    assert policy.locate(request(peer="10.1.2.3", forwarded_for="1.2.3.4, 10.9.9.9"))[0] == "1.2.3.4"
    assert policy.locate(request(peer="::ffff:10.1.2.3", forwarded_for="1.2.3.4"))[0] == "1.2.3.4"
    assert policy.locate(request(peer="127.0.0.1", forwarded_for="1.2.3.4"))[0] == "127.0.0.1"


def test_requests_of_pages_are_recognized():
    assert request(origin="http://127.0.0.1:4141").from_page
    assert request(fetch_site="cross-site").from_page
    assert not request().from_page
