"""The address to listen on, in all the forms that people write."""

import contextlib
import json
import socket
import subprocess
import sys
import urllib.request

import pytest
from integration.harness import PATIENCE, Lines, environment, new_token
from processes import spawn

from copilot_bridge.access.origins import OriginPolicy, RequestOrigin
from copilot_bridge.cli.start.startup import listen, listen_besides
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback, listen_host
from copilot_bridge.errors import ConfigError
from copilot_bridge.serving import address
from copilot_bridge.serving.address import LOCALHOST, open_listeners


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (" LocalHost ", "localhost"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("[::]", "::"),
        ("*", "::"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("work.lan", "work.lan"),
    ],
)
def test_a_host_is_accepted_in_common_spellings(given, host):
    assert listen_host(given) == host


@pytest.mark.parametrize("given", ["http://127.0.0.1", "127.0.0.1:4141", "localhost:80", "[::1]:80", "a/b"])
def test_invalid_hosts_are_refused(given):
    with pytest.raises(ValueError, match="the port is a setting of its own"):
        listen_host(given)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"])
def test_loopback_hosts_are_recognized(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "::ffff:192.0.2.1", "example.com", "10.0.0.1", ""])
def test_other_hosts_are_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::"])
def test_small_responses_are_not_delayed_to_whoever_connects_first(host):
    """What a listener accepts has its options, also before the server has started."""
    listeners = open_listeners(host, 0)
    for listener in listeners:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        listener.close()


def reachable(port):
    """By which of the two addresses of loopback."""
    found = []
    for host in LOCALHOST:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=5):
            found.append(host)
    return found


@pytest.fixture
def opened():
    made = []
    yield lambda host, port=0: made.extend(open_listeners(host, port)) or made
    for listener in made:
        listener.close()


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("::", ["127.0.0.1", "::1"]),
    ],
)
def test_a_listener_has_the_families_of_its_host(opened, host, addresses):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    made = opened(host)
    assert reachable(made[0].getsockname()[1]) == addresses
    assert len({listener.getsockname()[1] for listener in made}) == 1, "one port"


def test_a_machine_without_ipv6_listens_on_ipv4(opened, monkeypatch):
    create = socket.create_server

    def no_ipv6(where, *, family=socket.AF_INET, **named):
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return create(where, family=family, **named)

    monkeypatch.setattr(address.socket, "create_server", no_ipv6)
    assert reachable(opened("localhost")[0].getsockname()[1]) == ["127.0.0.1"]
    assert reachable(opened("::")[1].getsockname()[1]) == ["127.0.0.1"]


def test_a_port_that_is_taken_in_one_family_is_refused(opened):
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        opened("localhost", taken.getsockname()[1])


def test_a_second_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}: Address already in use.*--ollama-port.*Ollama"):
            listen(Config(port=0, ollama_port=port))


def test_a_second_port_is_opened_beside_those_that_were_inherited(opened):
    (inherited,) = opened("127.0.0.1")
    assert listen_besides(Config(), [inherited]) == [inherited]
    kept = Config(ollama_port=inherited.getsockname()[1])
    assert listen_besides(kept, [inherited]) == [inherited]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _, second = listen_besides(Config(ollama_port=port), [inherited])
    with second:
        assert second.getsockname()[1] == port


def test_an_address_of_ipv4_is_one_in_either_form():
    policy = OriginPolicy(Config())
    for peer in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert policy.locate(RequestOrigin(peer, "localhost", "http")) == ("127.0.0.1", True)
        given = RequestOrigin(peer, "localhost", "http", forwarded_for="203.0.113.5")
        assert policy.locate(given) == ("203.0.113.5", False)
    assert policy.locate(RequestOrigin("::ffff:192.0.2.1", "x", "http")) == ("192.0.2.1", False)


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_both_families_and_a_second_port_are_served(tmp_path, simulator, server):
    environ = environment(tmp_path) | {
        "COPILOT_BRIDGE_HOME": str(tmp_path / "home"),
        "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
        "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
        "GH_TOKEN": new_token(),
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        second = free.getsockname()[1]
    command = [sys.executable, "-m", "copilot_bridge", "start", "--host", "localhost", "--port", "0"]
    command += ["--ollama-port", str(second)]
    process = spawn(
        [*command, "--server", server],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    lines, errors = Lines(process.stdout), Lines(process.stderr)
    try:
        port = int(
            lines.wait_for(lambda line: "Base URL" in line, PATIENCE).split("/v1")[0].rpartition(":")[2]
        )
        for host in ("127.0.0.1", "[::1]", "localhost"):
            with urllib.request.urlopen(f"http://{host}:{port}/v1/models", timeout=PATIENCE) as response:
                assert json.load(response)["data"], host
        with urllib.request.urlopen(f"http://127.0.0.1:{second}/api/tags", timeout=PATIENCE) as response:
            assert json.load(response)["models"]
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        lines.close()
        errors.close()
