"""The device flow against canned answers, on a clock that only sleeping moves."""

import json

import msgspec.structs
import orjson
import pytest
import requests
import responses

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, LoginRequired, UpstreamRefused, UpstreamUnreachable
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github import device_login as login
from copilot_bridge.upstream.github.device_login import DeviceCode, DeviceFlow, fetch_login
from copilot_bridge.upstream.github.editor_logins import find_editor_logins
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.transport.http_client import HttpClient

CODE_URL = "https://github.com/login/device/code"
TOKEN_URL = "https://github.com/login/oauth/access_token"
CONFIG = Config(proxy_env=False)
HOSTS = Hosts.of(CONFIG)
START = 1_000_000.0

CODE_RESPONSE = {
    "device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://github.com/login/device",
    "expires_in": 900,
    "interval": 5,
}
PENDING = {"error": "authorization_pending", "error_description": "still pending"}
GRANTED = {"access_token": "ghu_EXAMPLE", "token_type": "bearer", "scope": ""}


class Time:
    def __init__(self):
        self.now = START
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def client():
    client = HttpClient(CONFIG)
    yield client
    client.close()


@pytest.fixture
def flow(client, time):
    return DeviceFlow(client, Headers(CONFIG), HOSTS, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def github():
    with responses.RequestsMock() as mock:
        yield mock


def code(interval=5.0, life=900.0):
    return DeviceCode("WDJB-MJHT", f"{HOSTS.github}/login/device", Secret("3584d835"), interval, START + life)


def script_polls(github, *bodies):
    """One response of the token endpoint per poll: JSON, an exception, or (status, text)."""
    for body in bodies:
        if isinstance(body, dict):
            github.post(TOKEN_URL, json=body)
        elif isinstance(body, tuple):
            github.post(TOKEN_URL, status=body[0], body=body[1])
        else:
            github.post(TOKEN_URL, body=body)


def test_a_code_is_read_from_githubs_response(flow, github):
    github.post(CODE_URL, json=CODE_RESPONSE)
    begun = flow.begin()
    assert begun == DeviceCode(
        user_code="WDJB-MJHT",
        verification_uri="https://github.com/login/device",
        device_code=Secret(CODE_RESPONSE["device_code"]),
        interval=5.0,
        expires_at=START + 900,
    )
    assert CODE_RESPONSE["device_code"] not in repr(begun)
    request = github.calls[0].request
    assert json.loads(request.body) == {"client_id": "Iv1.b507a08c87ecfe98", "scope": "read:user"}
    assert request.headers["Accept"] == request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


def test_begin_falls_back_on_the_usual_times(flow, github):
    github.post(CODE_URL, json={"device_code": "d", "user_code": "u"})
    begun = flow.begin()
    assert (begun.interval, begun.expires_at) == (5.0, START + 900)
    assert begun.verification_uri == "https://github.com/login/device"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, '{"error": "Not Found"}', "gave no code to log in with (Not Found): try again"),
        (404, '{"error": "Not Found"}', "(Not Found)"),
        (200, '{"error": "device_flow_disabled"}', "COPILOT_BRIDGE_GITHUB_TOKEN"),
        (200, '{"error": "incorrect_client_credentials"}', "does not know the app"),
        (200, "[]", "(status 200)"),
        (200, '{"device_code": 7}', "gave no code"),
        (502, "<html>Unicorn!</html>", "(status 502)"),
        (200, "<html>Sign in to the hotel's network</html>", "github.com gave no code"),
    ],
)
def test_a_response_without_a_code_is_refused(flow, github, status, body, message):
    github.post(CODE_URL, status=status, body=body)
    with pytest.raises(BridgeError) as caught:
        flow.begin()
    assert message in str(caught.value)
    assert "***" not in str(caught.value)


def test_begin_does_not_hide_the_network(flow, github):
    github.post(CODE_URL, body=requests.ConnectionError("refused"))
    with pytest.raises(UpstreamUnreachable):
        flow.begin()


def test_wait_asks_until_the_user_agrees(flow, github, time):
    script_polls(github, PENDING, PENDING, GRANTED)
    states = []
    assert flow.wait(code(), states.append) == Secret("ghu_EXAMPLE")
    assert states == ["pending", "pending", "granted"]
    assert time.slept == [6.0, 6.0, 6.0]
    assert json.loads(github.calls[0].request.body) == {
        "client_id": "Iv1.b507a08c87ecfe98",
        "device_code": "3584d835",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
    }


@pytest.mark.parametrize(
    ("slow_downs", "slept"),
    [
        ([{"interval": 10}], [6, 11, 11]),
        ([{}], [6, 11, 11]),
        ([{}, {}], [6, 11, 16, 16]),
        ([{"interval": 10}, {"interval": 17}], [6, 11, 18, 18]),
        ([{"interval": 10}, {}], [6, 11, 16, 16]),
        ([{"interval": 3}], [6, 11, 11]),  # slower, whatever it says
        ([{"interval": "soon"}], [6, 11, 11]),
    ],
)
def test_slow_down_counts_for_all_polls_that_follow(flow, github, time, slow_downs, slept):
    script_polls(github, *({"error": "slow_down"} | poll for poll in slow_downs), PENDING, GRANTED)
    flow.wait(code())
    assert time.slept == slept


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("expired_token", "the code has expired: start again"),
        ("access_denied", "cancelled"),
        ("incorrect_device_code", "used already"),
        ("incorrect_client_credentials", "does not know the app"),
        ("unsupported_grant_type", "this kind of login"),
        ("device_flow_disabled", "switched off"),
        ("unverified_user_email", "not verified"),
    ],
)
def test_a_final_error_ends_the_login_with_its_reason(flow, github, error, message):
    script_polls(github, PENDING, {"error": error, "error_description": "GitHub's words"})
    with pytest.raises(BridgeError) as caught:
        flow.wait(code())
    assert message in str(caught.value)
    assert "***" not in str(caught.value)
    assert caught.value.code == error
    assert len(github.calls) == 2


def test_every_final_error_is_tested():
    table = next(
        mark
        for mark in test_a_final_error_ends_the_login_with_its_reason.pytestmark
        if mark.name == "parametrize"
    ).args[1]
    assert {error for error, _ in table} == {
        name for name, outcome in login.OUTCOMES.items() if outcome.message
    }


def test_unknown_errors_end_it_in_githubs_words(flow, github):
    script_polls(github, {"error": "new_error", "error_description": "Something new."})
    with pytest.raises(BridgeError, match=r"refused the login: Something new\.") as caught:
        flow.wait(code())
    assert caught.value.code == "new_error"


@pytest.mark.parametrize(
    "stumble",
    [
        requests.ConnectionError("Connection reset by peer"),
        requests.ReadTimeout("Read timed out"),
        (502, "<html>Unicorn!</html>"),
        (503, '{"message": "later"}'),
        (500, ""),
        (429, "slow"),
        (200, "<html>a page</html>"),
        (200, "{}"),
        (200, '{"access_token": ""}'),
    ],
)
def test_polling_goes_on_after_failures(flow, github, time, stumble):
    script_polls(github, stumble, stumble, GRANTED)
    states = []
    assert flow.wait(code(), states.append) == Secret("ghu_EXAMPLE")
    assert states == ["no_response", "no_response", "granted"]
    assert time.slept == [6.0, 6.0, 6.0]


def test_refusal_without_a_reason_is_final(flow, github):
    script_polls(github, (404, "<html>Not here</html>"))
    with pytest.raises(BridgeError, match="status 404"):
        flow.wait(code())


def test_error_counts_whatever_the_status(flow, github):
    script_polls(github, (400, '{"error": "authorization_pending"}'), GRANTED)
    assert flow.wait(code())


def test_no_poll_after_the_code_has_expired(flow, github, time):
    script_polls(github, PENDING, requests.ConnectionError("down"))
    with pytest.raises(BridgeError, match="expired: start again") as caught:
        flow.wait(code(life=15))
    assert caught.value.code == "expired_token"
    assert time.slept == [6.0, 6.0, 3.0]  # and not a second longer than it lives
    assert len(github.calls) == 2


def test_wait_for_an_expired_code_asks_nothing(flow, github, time):
    with pytest.raises(BridgeError, match="expired"):
        flow.wait(code(life=-1))
    assert time.slept == [0.0]


def test_poll_does_not_wait_and_hands_on_the_interval(flow, github, time):
    script_polls(github, PENDING, {"error": "slow_down", "interval": 10}, GRANTED)
    first = flow.poll(code())
    assert (first.state, first.token, first.code) == ("pending", None, code())
    second = flow.poll(first.code)
    assert (second.state, second.code.interval) == ("slow_down", 10)
    third = flow.poll(second.code)
    assert (third.state, third.token) == ("granted", Secret("ghu_EXAMPLE"))
    assert "EXAMPLE" not in repr(third)
    assert time.slept == []


def test_enterprise_logs_in_at_its_own_host(client, time, github):
    hosts = Hosts.of(Config(enterprise_url="octo.ghe.com", proxy_env=False))
    github.post("https://octo.ghe.com/login/device/code", json={"device_code": "d", "user_code": "u"})
    begun = DeviceFlow(client, Headers(CONFIG), hosts, clock=time.clock).begin()
    assert begun.verification_uri == "https://octo.ghe.com/login/device"


def test_the_login_of_a_token_is_fetched(client, github):
    github.get("https://api.github.com/user", json={"login": "octocat", "id": 1})
    assert fetch_login(client, Headers(CONFIG), HOSTS, Secret("gho_x")) == "octocat"
    assert github.calls[0].request.headers["Authorization"] == "Bearer gho_x"


def test_classic_tokens_are_refused_without_a_request(client, github):
    with pytest.raises(LoginRequired) as caught:
        fetch_login(client, Headers(CONFIG), HOSTS, Secret("ghp_secretsecret"))
    assert all(kind in str(caught.value) for kind in ("(ghp_)", "(ghu_)", "(gho_)", "(github_pat_)"))
    assert "***" not in str(caught.value)
    assert len(github.calls) == 0


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(401, '{"message": "Bad credentials"}', LoginRequired), (200, "{}", UpstreamRefused)],
)
def test_a_refused_token_has_no_login(client, github, status, body, error):
    github.get("https://api.github.com/user", status=status, body=body)
    with pytest.raises(error):
        fetch_login(client, Headers(CONFIG), HOSTS, Secret("ghu_x"))


APPS = {
    "github.com:Iv1.b507a08c87ecfe98": {"user": "octocat", "oauth_token": "ghu_one"},
    "octo.ghe.com:Iv1.b507a08c87ecfe98": {"user": "hubot", "oauth_token": "ghu_ghe"},
}


def leave(folder, name, content):
    (folder / "github-copilot").mkdir(parents=True, exist_ok=True)
    path = folder / "github-copilot" / name
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


def as_rows(found):
    return [(login_.login, login_.token.reveal(), login_.path) for login_ in found]


def test_editor_logins_are_found_in_the_home_folder(tmp_path):
    apps = leave(tmp_path / ".config", "apps.json", APPS)
    hosts = leave(tmp_path / ".config", "hosts.json", {"github.com": {"oauth_token": "gho_two"}})
    found = find_editor_logins(HOSTS, {}, tmp_path)
    assert as_rows(found) == [("octocat", "ghu_one", apps), ("", "gho_two", hosts)]
    assert "ghu_one" not in repr(found)


def test_editor_logins_are_found_where_the_environment_says(tmp_path):
    leave(tmp_path / ".config", "apps.json", {"github.com": {"user": "other", "oauth_token": "ghu_other"}})
    xdg = leave(tmp_path / "xdg", "apps.json", APPS)
    local = leave(tmp_path / "local", "hosts.json", {"https://github.com": {"oauth_token": "gho_two"}})
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "LOCALAPPDATA": str(tmp_path / "local")}
    assert as_rows(find_editor_logins(HOSTS, environ, tmp_path)) == [
        ("octocat", "ghu_one", xdg),
        ("", "gho_two", local),
    ]


def test_each_token_of_an_editor_is_found_once(tmp_path):
    apps = leave(tmp_path / ".config", "apps.json", APPS)
    leave(tmp_path / ".config", "hosts.json", {"github.com": {"oauth_token": "ghu_one"}})
    assert as_rows(find_editor_logins(HOSTS, {}, tmp_path)) == [("octocat", "ghu_one", apps)]


def test_editor_logins_are_those_of_the_enterprise(tmp_path):
    leave(tmp_path / ".config", "apps.json", APPS)
    hosts = msgspec.structs.replace(HOSTS, github="https://octo.ghe.com")
    assert [login.login for login in find_editor_logins(hosts, {}, tmp_path)] == ["hubot"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe",
        b"",
        [],
        "text",
        {"github.com": "ghu_x"},
        {"github.com": {"oauth_token": 7}},
        {"github.com": {"oauth_token": ""}},
        {"github.com": {"oauth_token": "ghu_x\r\nHost: evil"}},
        {"github.com": {"user": "octocat"}},
        {"mygithub.com": {"oauth_token": "ghu_x"}},
        {"github.com.evil.example": {"oauth_token": "ghu_x"}},
        {"githubxcom": {"oauth_token": "ghu_x"}},
    ],
)
def test_malformed_and_foreign_logins_are_skipped(tmp_path, content):
    leave(tmp_path / ".config", "apps.json", content)
    assert find_editor_logins(HOSTS, {}, tmp_path) == []


def test_malformed_files_of_editors_hold_no_login(tmp_path):
    leave(tmp_path / ".config", "apps.json", b"{}").unlink()
    (tmp_path / ".config" / "github-copilot" / "hosts.json").mkdir()  # unreadable as a file
    assert find_editor_logins(HOSTS, {}, tmp_path) == []
