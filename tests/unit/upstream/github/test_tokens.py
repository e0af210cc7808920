"""Copilot tokens: their exchange, renewal and failures."""

import json
import logging
import threading

import pytest
import requests

from copilot_bridge.errors import LoginRequired, StoreError, UpstreamRefused, UpstreamUnreachable
from copilot_bridge.store import open_store
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.api import NOTICES
from copilot_bridge.upstream.github.tokens import MAX_RENEWALS, RENEWAL_WINDOW, RETRY_DELAY, proxy_host
from copilot_bridge.upstream.single_flight import SingleFlight

GITHUB_TOKEN = "ghu_EXAMPLE0000000000000000000000000000"
EXCHANGE = "https://api.github.com/copilot_internal/v2/token"
USER = "https://api.github.com/copilot_internal/user"
COPILOT = "https://api.githubcopilot.com"
BUSINESS = "https://api.business.githubcopilot.com"
UNICORN = (502, "<html><title>Unicorn!</title></html>")


def message_of(caught):
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert "EXAMPLE" not in message
    assert "<html" not in message
    return message


def test_a_token_is_exchanged_at_github(world, hub):
    hub.gives_tokens(sku="copilot_for_business_seat_quota")
    token = world.tokens.get(world.account)
    assert (token.value, token.exchanged, token.api) == ("tid=1;exp=1", True, COPILOT)
    assert token.sku == "copilot_for_business_seat_quota"
    request = hub.mock.calls[0].request
    assert (request.method, request.url, request.body) == ("GET", EXCHANGE, None)
    sent = request.headers
    assert sent["Authorization"] == f"token {GITHUB_TOKEN}"
    assert sent["Accept"] == "application/json"
    assert sent["User-Agent"] == "GitHubCopilotChat/0.68.0"
    assert sent["X-GitHub-Api-Version"] == "2025-04-01"
    assert sent["Editor-Version"] == "vscode/1.140.0"


@pytest.mark.parametrize(
    ("refresh_in", "life"),
    [(1500, 1260), (1800, 1560), (1200, 960), (1000, 800), (100, 80), (2, 1.6), (0.5, 0.4)],
)
def test_a_token_is_renewed_ahead_of_its_end(world, hub, clock, refresh_in, life):
    hub.gives_tokens(refresh_in=refresh_in)
    assert world.get() == "tid=1;exp=1"
    clock.forward(life - 0.01)
    assert world.get() == "tid=1;exp=1"
    clock.forward(0.02)
    assert world.get() == "tid=1;exp=1"  # valid for another while
    assert world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_a_renewal_delays_no_request(world, hub, clock):
    """It goes on in the background, once for all requests that come meanwhile."""
    hub.gives_tokens()
    world.get()
    clock.forward(1261)
    started = []
    world.tokens._flights = SingleFlight(start=started.append)
    assert [world.get() for _ in range(3)] == ["tid=1;exp=1"] * 3
    assert hub.exchanges == 1
    (run,) = started
    run()
    assert world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_an_expired_token_is_waited_for(world, hub, clock):
    hub.gives_tokens()
    world.get()
    clock.forward(1561)
    assert world.get() == "tid=2;exp=1"


def test_an_hour_of_work_takes_three_exchanges_and_an_idle_night_none(new_world, hub, clock):
    hub.gives_tokens()
    workers = [new_world() for _ in range(2)]
    for second in range(0, 3600, 20):
        workers[second // 20 % 2].get()
        clock.forward(20)
    assert hub.exchanges == 3
    clock.forward(8 * 3600)
    assert hub.exchanges == 3


def test_a_renewal_that_fails_in_the_store_is_logged_and_not_repeated_at_once(
    world, hub, clock, monkeypatch, caplog
):
    def broken(_name):
        raise StoreError("the store is gone")

    hub.gives_tokens()
    world.get()
    clock.forward(1261)
    monkeypatch.setattr(world.tokens._store, "lock", broken)
    assert [world.get() for _ in range(3)] == ["tid=1;exp=1"] * 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    monkeypatch.undo()
    clock.forward(RETRY_DELAY + 1)
    world.get()
    assert world.get() == "tid=2;exp=1"


def test_the_address_of_the_last_token_is_known_without_a_request(new_world, hub, clock):
    assert new_world().tokens.api(new_world().account) == COPILOT
    hub.gives_tokens(endpoints={"api": BUSINESS})
    new_world().get()
    clock.forward(86400)
    after = new_world()
    assert after.tokens.api(after.account) == BUSINESS
    assert hub.exchanges == 1


@pytest.mark.parametrize("refresh_in", [None, 0, -5, "1500", True, [], {"a": 1}])
def test_a_malformed_refresh_in_is_the_usual_one(world, hub, clock, refresh_in):
    hub.gives_tokens(refresh_in=refresh_in)
    world.get()
    clock.forward(1259)
    world.get()
    assert hub.exchanges == 1
    clock.forward(2)
    world.get()
    assert hub.exchanges == 2


@pytest.mark.parametrize("expires_at", [0, 1, 9_999_999_999, None, "soon", -1])
def test_the_other_clock_is_not_looked_at(world, hub, clock, expires_at):
    hub.gives_tokens(expires_at=expires_at)
    world.get()
    clock.forward(1259)
    world.get()
    assert hub.exchanges == 1


@pytest.mark.parametrize("seconds", [-61, -3600, -86400 * 365])
def test_a_clock_that_was_set_back_renews_the_token(world, hub, clock, seconds):
    hub.gives_tokens()
    world.get()
    clock.forward(seconds)
    assert world.get() == "tid=2;exp=1"
    assert world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_a_small_correction_of_the_clock_keeps_the_token(world, hub, clock):
    hub.gives_tokens()
    world.get()
    clock.forward(-30)
    world.get()
    assert hub.exchanges == 1


def test_a_token_is_renewed_after_a_sleep(world, hub, clock):
    hub.gives_tokens()
    world.get()
    clock.forward(8 * 3600)
    hub.responses(*UNICORN)
    with pytest.raises(UpstreamRefused):  # the old one is long dead
        world.get()
    hub.gives_tokens()
    with pytest.raises(UpstreamRefused):  # GitHub is not asked again at once
        world.get()
    clock.forward(3)
    assert world.get() == "tid=2;exp=1"


def test_concurrent_callers_share_one_exchange(world, hub):
    arrived, go = threading.Event(), threading.Event()
    fetches, got = [], []

    def slow(_request):
        fetches.append(1)
        arrived.set()
        assert go.wait(10)
        return 200, {}, json.dumps({"token": "tid=1", "refresh_in": 1500})

    hub.mock.add_callback("GET", EXCHANGE, slow)
    threads = [threading.Thread(target=lambda: got.append(world.get())) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert arrived.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert got == ["tid=1"] * 20
    assert len(fetches) == 1


def test_accounts_do_not_share_tokens(world, new_world, hub):
    hub.gives_tokens()
    other = new_world("ghu_OTHER")
    assert world.get() != other.get()
    assert world.account.fingerprint != other.account.fingerprint
    assert "EXAMPLE" not in world.account.fingerprint
    assert "EXAMPLE" not in repr(world.account)


def test_the_same_token_at_another_github_is_another_account(world, new_world):
    elsewhere = new_world(enterprise_url="octo.ghe.com")
    assert elsewhere.account.fingerprint != world.account.fingerprint


def test_processes_share_tokens(new_world, hub, clock):
    hub.gives_tokens()
    one, two = new_world(), new_world()
    assert one.get() == two.get() == "tid=1;exp=1"
    clock.forward(1261)
    assert [two.get(), one.get()] == ["tid=1;exp=1"] * 2
    assert two.get() == one.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_a_token_outlives_a_restart(new_world, hub, clock, tmp_path):
    hub.gives_tokens(endpoints={"api": BUSINESS}, sku="x")
    before = new_world()
    first = before.tokens.get(before.account)
    clock.forward(600)
    after = new_world()
    assert after.tokens.get(after.account) == first
    assert hub.exchanges == 1
    for path in tmp_path.glob("*.*"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"EXAMPLE" not in path.read_bytes()
        assert b"tid=1" not in path.read_bytes()


def test_a_restart_without_github_uses_the_stored_token(new_world, hub, clock):
    hub.gives_tokens()
    new_world().get()
    clock.forward(1300)
    hub.responses(*UNICORN)
    assert new_world().get() == "tid=1;exp=1"


def test_a_restart_with_another_address_keeps_the_token(new_world, hub):
    hub.gives_tokens(endpoints={"api": BUSINESS})
    new_world().get()
    pinned = new_world(account_type="individual")
    assert pinned.tokens.get(pinned.account).api == "https://api.individual.githubcopilot.com"
    assert hub.exchanges == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: {},
        lambda stored: {**stored, "more": 1},
        lambda stored: {"value": stored["value"]},
        lambda stored: {**stored, "expires_at": None},
        lambda stored: {**stored, "refresh_at": "soon"},
        lambda stored: {**stored, "received_at": []},
        lambda stored: {**stored, "value": None},
        lambda stored: {**stored, "api": None},
    ],
)
def test_a_stored_token_of_another_form_is_replaced(new_world, hub, tmp_path, change):
    hub.gives_tokens()
    first = new_world()
    first.get()
    key_values, name = open_store(tmp_path).key_values, f"tokens/{first.account.fingerprint}"
    key_values.write(name, change(key_values.read(name)))
    assert new_world().get() in ("tid=1;exp=1", "tid=2;exp=1")


def test_a_stored_token_does_not_choose_its_host(new_world, hub, tmp_path):
    hub.gives_tokens()
    first = new_world()
    first.get()
    key_values, name = open_store(tmp_path).key_values, f"tokens/{first.account.fingerprint}"
    key_values.write(name, key_values.read(name) | {"api": "https://attacker.example"})
    after = new_world()
    assert after.tokens.get(after.account).api == COPILOT


def test_a_full_disk_fails_no_exchange(world, hub, monkeypatch, caplog):
    def full(*_args):
        raise StoreError("can't write to the data directory /x: No space left on device")

    monkeypatch.setattr(world.tokens._store, "write", full)
    hub.gives_tokens()
    assert world.get() == world.get() == "tid=1;exp=1"
    assert "No space left" in caplog.text
    assert hub.exchanges == 1


def test_a_refused_token_is_renewed(world, hub):
    hub.gives_tokens()
    assert world.get() == "tid=1;exp=1"
    assert world.forget()
    assert world.get() == world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_many_that_were_refused_the_same_token_renew_it_once(world, hub):
    hub.gives_tokens()
    refused = world.tokens.get(world.account)
    for _ in range(20):
        assert world.tokens.forget(world.account, refused)
        assert world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_a_refused_token_that_was_read_during_its_renewal_is_not_used(world, hub, monkeypatch):
    """The store is read in a thread, and another request may renew the token meanwhile."""
    hub.gives_tokens()
    world.get()
    assert world.forget()
    read = world.store.key_values.read

    def slow_read(key):
        content = read(key)
        monkeypatch.undo()
        assert world.get() == "tid=2;exp=1"
        return content

    monkeypatch.setattr(world.store.key_values, "read", slow_read)
    assert world.get() == world.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_forget_in_one_process_is_enough_for_the_other(new_world, hub):
    hub.gives_tokens()
    one, two = new_world(), new_world()
    one.get()
    two.get()
    assert one.forget()
    assert one.get() == "tid=2;exp=1"
    assert two.forget()
    assert two.get() == "tid=2;exp=1"
    assert hub.exchanges == 2


def test_a_refused_token_does_not_come_back(world, hub):
    hub.gives_tokens()
    world.get()
    assert world.forget()
    hub.responses(*UNICORN)
    with pytest.raises(UpstreamRefused):
        world.get()


def test_renewals_are_limited_within_a_time(world, hub, clock):
    hub.gives_tokens()
    for _ in range(MAX_RENEWALS):
        assert world.forget()
    assert not world.forget()
    assert world.get() == f"tid={MAX_RENEWALS + 1};exp=1"
    assert hub.exchanges == MAX_RENEWALS + 1
    clock.forward(RENEWAL_WINDOW + 1)
    assert world.forget()
    world.get()
    assert hub.exchanges == MAX_RENEWALS + 2


def test_a_renewal_now_and_then_is_always_granted(world, hub, clock):
    """Two within any ten minutes are less than MAX_RENEWALS of them."""
    hub.gives_tokens()
    for _ in range(4 * MAX_RENEWALS):
        assert world.forget()
        clock.forward(RENEWAL_WINDOW / 2)


@pytest.mark.parametrize("failure", [UNICORN, (200, "<html>hotel</html>"), (200, "[]"), (200, {"token": ""})])
def test_the_old_one_serves_while_a_refresh_fails(world, hub, clock, failure, caplog):
    hub.gives_tokens()
    world.get()
    clock.forward(1261)
    hub.responses(*failure)
    for _ in range(5):
        assert world.get() == "tid=1;exp=1"
    assert hub.exchanges == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    clock.forward(RETRY_DELAY + 1)
    assert world.get() == "tid=1;exp=1"
    assert hub.exchanges == 3
    clock.now += 1560 - 1261 - RETRY_DELAY
    with pytest.raises(UpstreamRefused):
        world.get()


def test_the_old_one_serves_without_a_network(world, hub, clock):
    hub.gives_tokens()
    world.get()
    clock.forward(1261)
    hub.responses(body=requests.ConnectionError("no route"))
    assert world.get() == "tid=1;exp=1"
    hub.gives_tokens()
    assert world.get() == "tid=1;exp=1"
    clock.forward(RETRY_DELAY + 1)
    world.get()
    assert world.get() == "tid=2;exp=1"


def test_without_network_and_old_token_the_error_is_raised(world, hub):
    hub.responses(body=requests.ConnectionError("no route"))
    with pytest.raises(UpstreamUnreachable) as caught:
        world.get()
    assert "api.github.com" in message_of(caught)


def test_the_old_token_outlives_a_refused_login(world, hub, clock):
    """While it is valid a failed refresh costs nobody a response; then the error says what to do."""
    hub.gives_tokens()
    old = world.get()
    clock.forward(1261)
    hub.responses(401, {"message": "Bad credentials", "status": "401"})
    assert world.get() == old
    clock.forward(400)
    with pytest.raises(LoginRequired) as caught:
        world.get()
    assert "copilot-bridge auth" in message_of(caught)


@pytest.mark.parametrize("token", ["gho_EXAMPLE", "github_pat_11EXAMPLE"])
def test_direct_kinds_are_never_exchanged(new_world, hub, clock, tmp_path, token):
    world = new_world(token)
    hub.responses(body={"endpoints": {"api": BUSINESS}, "access_type_sku": "x"}, url=USER)
    found = world.tokens.get(world.account)
    assert (found.value, found.exchanged, found.api, found.sku) == (token, False, BUSINESS, "x")
    clock.forward(3599)
    world.get()
    assert hub.asked == [("GET", USER)]
    clock.forward(2)
    world.get()
    assert hub.asked == [("GET", USER)] * 2
    assert not (tmp_path / "tokens").exists()


def test_a_token_that_may_not_see_its_plan_is_used_all_the_same(new_world, hub):
    world = new_world("github_pat_11EXAMPLE")
    hub.responses(403, {"message": "Resource not accessible by personal access token"}, url=USER)
    assert world.tokens.get(world.account).api == COPILOT


def test_a_token_that_github_refuses_needs_a_login(new_world, hub):
    world = new_world("gho_EXAMPLE")
    hub.responses(401, {"message": "Bad credentials"}, url=USER)
    with pytest.raises(LoginRequired):
        world.get()


@pytest.mark.parametrize("token", ["ghu_EXAMPLE", "ghs_EXAMPLE", "0123456789abcdef0123456789abcdef01234567"])
def test_all_others_are_exchanged(new_world, hub, token):
    hub.gives_tokens()
    assert new_world(token).get() == "tid=1;exp=1"


def envelope(notice, **more):
    details = {
        "message": "No access to GitHub Copilot found.",
        "notification_id": notice,
        "title": "Signup for GitHub Copilot",
        "url": "https://github.com/github-copilot/signup?editor={EDITOR}",
    }
    return {
        "can_signup_for_limited": True,
        "error_details": details | more,
        "message": "Resource not accessible",
    }


@pytest.mark.parametrize("notice", [*NOTICES, "something_new"])
def test_each_notice_tells_what_to_do(world, hub, notice):
    hub.responses(403, envelope(notice))
    with pytest.raises(UpstreamRefused) as caught:
        world.get()
    assert not isinstance(caught.value, LoginRequired)
    message = message_of(caught)
    assert NOTICES.get(notice, "") in message
    assert "No access to GitHub Copilot found." in message
    assert "https://github.com/github-copilot/signup?editor=vscode" in message
    assert caught.value.kind == "permission"


@pytest.mark.parametrize("details", [None, "text", [], {}, {"message": None}, {"notification_id": ["x"]}])
def test_a_notice_of_another_form_leaves_the_message(world, hub, details):
    hub.responses(403, {"error_details": details, "message": "Resource not accessible by integration"})
    with pytest.raises(UpstreamRefused) as caught:
        world.get()
    assert "Resource not accessible by integration" in message_of(caught)


REST_LIMIT = {"message": "API rate limit exceeded for user ID 1.", "documentation_url": "x", "status": "403"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, {"message": "Bad credentials", "status": "401"}, "authentication", ["copilot-bridge auth"]),
        (403, REST_LIMIT, "rate_limited", ["rate limit", "wait", "login itself is fine"]),
        (429, {"message": "secondary rate limit"}, "rate_limited", ["rate limit", "wait"]),
        (429, "slow down", "rate_limited", ["rate limit"]),
        (403, {"message": "Resource not accessible by integration"}, "permission", ["copilot-bridge auth"]),
        (403, "", "permission", ["copilot-bridge auth"]),
        (
            404,
            {"message": "Not Found"},
            "permission",
            ["another app", "no Copilot plan", "copilot-bridge auth"],
        ),
        (500, "", "unavailable", ["500", "try again"]),
        (*UNICORN, "unavailable", ["502", "try again"]),
        (503, {"message": "x"}, "unavailable", ["503", "try again"]),
        (302, "", "unavailable", ["302"]),
    ],
)
def test_each_refusal_of_github_tells_what_to_do(world, hub, status, body, kind, words):
    hub.responses(status, body, Location="https://elsewhere.example/")
    with pytest.raises((UpstreamRefused, LoginRequired)) as caught:
        world.get()
    assert caught.value.kind == kind
    message = message_of(caught)
    assert all(word in message for word in words), message
    assert hub.exchanges == len(hub.asked) == 1


def test_a_rate_limit_is_no_reason_to_log_in_again(world, hub):
    hub.responses(403, REST_LIMIT)
    with pytest.raises(UpstreamRefused) as caught:
        world.get()
    assert "copilot-bridge auth" not in message_of(caught)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "60"}, "60"),
        ({"x-ratelimit-reset": "0"}, "1"),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"retry-after": "7", "x-ratelimit-reset": "0"}, "7"),
        ({}, None),
    ],
)
def test_the_time_to_retry_is_passed_on(world, hub, headers, wait):
    hub.responses(403, REST_LIMIT, **headers)
    with pytest.raises(UpstreamRefused) as caught:
        world.get()
    assert caught.value.headers.get("retry-after") == wait


@pytest.mark.parametrize("content", [{}, {"token": None}, {"token": 5}, {"token": ""}, {"token": ["x"]}])
def test_a_response_without_a_token_is_refused(world, hub, content):
    hub.responses(body=content)
    with pytest.raises(UpstreamRefused) as caught:
        world.get()
    assert "no token" in message_of(caught)


@pytest.mark.parametrize(
    ("api", "believed"),
    [
        (BUSINESS, True),
        (BUSINESS + "/", True),
        ("https://API.Enterprise.githubcopilot.com", True),
        ("http://api.business.githubcopilot.com", False),
        ("https://githubcopilot.com.evil.example", False),
        ("https://evilgithubcopilot.com", False),
        ("https://attacker.example", False),
        ("https://attacker.example/.githubcopilot.com", False),
        ("https://attacker.example?.githubcopilot.com", False),
        ("https://attacker.example#.githubcopilot.com", False),
        ("https://attacker.example\\.githubcopilot.com", False),
        ("https://attacker.example%2f.githubcopilot.com", False),
        ("https://attacker.example .githubcopilot.com", False),
        ("https://api.githubcopilot.com@attacker.example", False),
        ("https://me@api.githubcopilot.com", False),
        ("https://me:pw@api.githubcopilot.com", False),
        ("https://:pw@api.githubcopilot.com", False),
        ("https://.githubcopilot.com", False),
        ("https://api.githubcopilot.com:abc", False),
        ("https://127.0.0.1", False),
        ("https://127.0.0.1:8080", False),
        ("//api.githubcopilot.com", False),
        ("api.githubcopilot.com", False),
        ("https://[::1", False),
        ("javascript:alert(1)", False),
        ("", False),
        (None, False),
        (5, False),
        (["https://api.githubcopilot.com"], False),
    ],
)
def test_only_trusted_hosts_of_a_token_are_used(world, hub, api, believed):
    hub.gives_tokens(endpoints={"api": api, "proxy": "https://proxy.githubcopilot.com"})
    found = world.tokens.get(world.account).api
    assert found == (str(api).rstrip("/") if believed else COPILOT)


@pytest.mark.parametrize("endpoints", [None, [], "x", {}, {"API": BUSINESS}])
def test_missing_endpoints_are_the_usual_ones(world, hub, endpoints):
    hub.gives_tokens(endpoints=endpoints)
    assert world.tokens.get(world.account).api == COPILOT


@pytest.mark.parametrize(
    ("token", "api"),
    [
        ("tid=1;exp=1;proxy-ep=proxy.business.githubcopilot.com;st=dotcom:ff", BUSINESS),
        ("tid=1;proxy-ep=proxy.githubcopilot.com.evil.example:ff", COPILOT),
        ("tid=1;proxy-ep=attacker.example:ff", COPILOT),
        ("tid=1;proxy-ep=:ff", COPILOT),
        ("tid=1;proxy-ep", COPILOT),
        ("tid=1:proxy-ep=proxy.business.githubcopilot.com", COPILOT),
        ("opaque", COPILOT),
        ("a:b:c", COPILOT),
    ],
)
def test_the_host_inside_the_token_is_second_choice(world, hub, token, api):
    hub.gives_tokens(token=token)
    assert world.tokens.get(world.account).api == api


def test_the_response_is_believed_before_the_token(world, hub):
    hub.gives_tokens(token="tid=1;proxy-ep=proxy.individual.githubcopilot.com", endpoints={"api": BUSINESS})
    assert world.tokens.get(world.account).api == BUSINESS


def test_the_proxy_itself_is_never_used():
    assert proxy_host("proxy-ep=proxy.business.githubcopilot.com") == BUSINESS
    assert proxy_host("proxy-ep=other.business.githubcopilot.com") is None
    assert proxy_host("tid=1") is None


def test_the_kind_of_token_decides_on_the_exchange(world):
    assert world.account.exchanged
    assert (
        Account("", world.account.github_token, world.account.hosts).fingerprint == world.account.fingerprint
    )
