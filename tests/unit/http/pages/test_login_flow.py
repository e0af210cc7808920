"""One login for all workers and tabs: polling and the stored state."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, LoginRequired, StoreError
from copilot_bridge.http.pages import device_login as module
from copilot_bridge.http.pages.device_login import DONE, FAILED, NAME, RESULT_TTL, WAITING, SharedFlow
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.device_login import DeviceCode, DeviceFlow, PollResult, slower

PENDING, SLOW, GRANTED = "pending", "slow_down", "granted"


class GitHub:
    """Responds as the test says, and notes when it was asked."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.responses: list[Any] = []
        self.polled: list[float] = []
        self.codes = 0

    def begin(self, _flow: DeviceFlow) -> DeviceCode:
        self.codes += 1
        return DeviceCode(
            f"CODE-{self.codes:04}", "https://x/device", Secret("secret-code"), 5.0, self.now + 900
        )

    def poll(self, _flow: DeviceFlow, code: DeviceCode) -> PollResult:
        self.polled.append(self.now)
        response = self.responses.pop(0)
        if isinstance(response, BridgeError):
            raise response
        token = Secret("ghu_token") if response == GRANTED else None
        return PollResult(response, slower(code, {}) if response == SLOW else code, token)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> GitHub:
    github = GitHub()
    monkeypatch.setattr(DeviceFlow, "begin", lambda flow: github.begin(flow))
    monkeypatch.setattr(DeviceFlow, "poll", lambda flow, code: github.poll(flow, code))
    monkeypatch.setattr(module, "add_account", lambda bridge, token: "octocat")
    return github


@pytest.fixture
def flow(github: GitHub, tmp_path: Path) -> SharedFlow:
    return SharedFlow(Bridge(Config(home=tmp_path)), lambda: github.now)


def state(flow: SharedFlow) -> tuple[str, str]:
    login = flow.state()
    assert login
    return login.state, login.reason


def test_polls_wait_for_their_interval(github: GitHub, flow: SharedFlow, tmp_path: Path) -> None:
    other = SharedFlow(Bridge(Config(home=tmp_path)), lambda: github.now)  # another worker
    flow.start()
    github.responses = [PENDING, PENDING, SLOW, PENDING, PENDING]
    begin = github.now
    for _ in range(600):
        github.now += 0.1
        flow.poll()
        other.poll()
        if not github.responses:
            break
    waits = [later - earlier for earlier, later in zip([begin, *github.polled], github.polled, strict=False)]
    assert [round(wait) for wait in waits] == [6, 6, 6, 11, 11]
    login = other.state()
    assert login
    assert (login.slowed, login.interval) == (True, 10.0)


@pytest.mark.parametrize("back", [120.0, 3600.0, 40 * 86_400.0])
def test_a_clock_that_was_set_back_makes_nobody_wait(github: GitHub, flow: SharedFlow, back: float) -> None:
    flow.start()
    github.now -= back
    github.responses = [PENDING, GRANTED]
    flow.poll()
    assert len(github.polled) == 1
    flow.start()
    assert github.codes == 2
    github.now += 7
    flow.poll()
    assert state(flow)[0] == DONE


def test_one_process_polls_at_a_time(github: GitHub, flow: SharedFlow) -> None:
    flow.start()
    github.now += 10
    asked = flow._claim()
    assert asked
    assert flow._claim() is None
    github.now += 2 * module.TIMEOUT + 1  # it was killed
    assert flow._claim()


@pytest.mark.parametrize(
    ("code", "expected"), [("access_denied", "access_denied"), ("expired_token", "expired_token"), (None, "")]
)
def test_an_end_is_an_end(github: GitHub, flow: SharedFlow, code: str | None, expected: str) -> None:
    flow.start()
    github.responses = [BridgeError("it is over", code=code)]
    for _ in range(3):
        github.now += 10
        flow.poll()
    assert state(flow) == (FAILED, expected)
    assert len(github.polled) == 1
    github.now += 900 + RESULT_TTL
    assert flow.state() is None


def test_a_code_expires_without_github(github: GitHub, flow: SharedFlow) -> None:
    flow.start()
    github.now += 900
    assert state(flow) == (FAILED, "expired_token")
    flow.poll()
    assert github.polled == []


def test_a_login_without_a_plan_is_complete(
    github: GitHub, flow: SharedFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_tokens: object, _account: object) -> None:
        raise LoginRequired("no Copilot here")

    monkeypatch.setattr("copilot_bridge.upstream.github.tokens.CopilotTokens.get", refuse, raising=False)
    flow.start()
    github.responses = [GRANTED]
    github.now += 10
    login = flow.poll()
    assert login
    assert (login.state, login.user, login.problem) == (DONE, "octocat", "no Copilot here")
    assert login.device_code == "", "of no use any more"


def test_a_new_login_takes_the_place_of_the_old_one(github: GitHub, flow: SharedFlow) -> None:
    flow.start()
    github.now += 10
    asked = flow._claim()
    assert asked
    flow.start()
    flow._finish_poll(asked, asked)  # its response comes too late
    login = flow.state()
    assert login
    assert (login.user_code, login.state) == ("CODE-0002", WAITING)
    flow.start()
    assert github.codes == 2, "a double click"
    flow.stop()
    assert flow.state() is None


def test_a_state_of_another_version_is_ignored(flow: SharedFlow) -> None:
    flow._bridge.store.key_values.write(NAME, {"user_code": "X"})
    assert flow.state() is None


def test_browsers_that_ask_at_once_share_a_code(github: GitHub, tmp_path: Path) -> None:
    """In as many workers; each of them sees what the first has asked for."""
    began = threading.Event()
    plain = github.begin

    def slowly(flow: DeviceFlow) -> DeviceCode:
        began.wait(0.2)  # as long as GitHub takes; nobody else may ask meanwhile
        return plain(flow)

    github.begin = slowly  # type: ignore[method-assign]
    flows = [SharedFlow(Bridge(Config(home=tmp_path)), lambda: github.now) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(SharedFlow.start, flows))
    assert github.codes == 1
    assert {flow.state().user_code for flow in flows} == {"CODE-0001"}  # type: ignore[union-attr]
    github.now += 4
    flows[0].start()
    assert github.codes == 2, "a person wants another one"


def test_no_login_is_started_that_could_not_be_stored(github: GitHub, tmp_path: Path) -> None:
    bridge = Bridge(Config(home=tmp_path))
    bridge.logins.check()

    def full(*_args: object) -> None:
        raise StoreError("can't use the store: database or disk is full")

    bridge.logins._database = SimpleNamespace(run=full, read=full)  # type: ignore[assignment]
    with pytest.raises(StoreError):
        SharedFlow(bridge, lambda: github.now).start()
    assert github.codes == 0
