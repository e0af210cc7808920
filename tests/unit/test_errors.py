"""The records of the kinds of errors, and each dialect's form of an unknown one."""

import json
from typing import get_args

import pytest

from copilot_bridge import errors
from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.messages import errors as messages
from copilot_bridge.dialects.responses import errors as responses
from copilot_bridge.errors import KINDS, BridgeError, ErrorKind, KindName


def test_each_name_has_one_record() -> None:
    assert tuple(KINDS) == get_args(KindName)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_record_says_something_that_holds(kind: ErrorKind) -> None:
    assert 400 <= kind.status <= 599
    assert kind.meaning
    assert kind.code or not kind.code_is_final
    assert not kind.retryable or kind.status == 429 or kind.status >= 500  # SDKs retry no others


def test_an_unready_bridge_is_a_503() -> None:
    error = BridgeError("", kind="unreachable")
    error.token_unavailable = True
    assert error.http_status == 503


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> BridgeError:
    """An error of a kind that only this test adds."""
    record = ErrorKind("budget", 429, "limit", "", "insufficient_quota", code_is_final=True)  # type: ignore[arg-type]
    monkeypatch.setitem(errors.KINDS, "budget", record)  # type: ignore[arg-type]
    return BridgeError("the budget is used up", kind="budget")  # type: ignore[arg-type]


def test_openai_sdks_do_not_retry_a_new_limit_that_lasts(budget: BridgeError) -> None:
    for dialect in (chat, responses):
        status, headers, body = dialect.write_error(budget, "")
        assert (status, headers) == (429, {"x-should-retry": "false"})
        assert json.loads(body)["error"]["type"] == "insufficient_quota"


def test_anthropics_sdk_does_not_retry_a_new_limit_that_lasts(budget: BridgeError) -> None:
    status, _, body = messages.write_error(budget, "")
    assert (status, json.loads(body)["error"]["type"]) == (402, "billing_error")
