"""The SDKs send one request to a budget that is used up: no retry can succeed."""

import time

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from integration.harness import Bridge, Start, chat_body

from copilot_bridge.admin.budgets import read_limit, set_budget
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.log_filter import LogFilter


@pytest.fixture
def spent(start_bridge: Start) -> tuple[Bridge, str]:
    """A bridge, and a key that may send nothing more."""
    bridge = start_bridge(server="gevent").warm()
    store = open_store(bridge.home)
    key = store.keys.add(Key("friend", KEY, b""))
    set_budget(store, "key", "friend", read_limit("0.000001/month"))
    store.close()
    body = chat_body("hello", "gpt-4o")
    assert bridge.request("POST", "/v1/chat/completions", body, {"x-api-key": key}).status == 200
    assert outcomes(bridge, 1) == ["ok"]
    return bridge, key


def outcomes(bridge: Bridge, enough: int, timeout: float = 10.0) -> list[str | None]:
    """How the key's requests have ended, as soon as there are enough of them."""
    store = open_store(bridge.home)
    end = time.monotonic() + timeout
    try:
        while True:
            found = [row.outcome for row in store.request_log.page(LogFilter(caller="key:friend"))]
            if len(found) >= enough:
                return found
            assert time.monotonic() < end, f"only {found} are logged"
            time.sleep(0.05)
    finally:
        store.close()


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdks_give_up_at_once(spent: tuple[Bridge, str], stream: bool) -> None:
    bridge, key = spent
    of_openai = openai.OpenAI(base_url=f"{bridge.url}/v1", api_key=key)
    of_anthropic = anthropic.Anthropic(base_url=bridge.url, api_key=key)
    messages = [{"role": "user", "content": "hello"}]
    with of_openai, of_anthropic:
        with pytest.raises(openai.RateLimitError, match="used up") as refused:
            of_openai.chat.completions.create(model="gpt-4o", messages=messages, stream=stream)
        assert refused.value.code == "insufficient_quota"
        with pytest.raises(openai.RateLimitError, match="used up"):
            of_openai.responses.create(model="gpt-5.3-codex", input="hello", stream=stream)
        with pytest.raises(anthropic.APIStatusError, match="used up"):
            of_anthropic.messages.create(
                model="claude-haiku-4.5", max_tokens=50, messages=messages, stream=stream
            )
    address = types.HttpOptions(base_url=bridge.url, client_args={"verify": False})
    with genai.Client(api_key=key, http_options=address) as of_google:
        ask = of_google.models.generate_content_stream if stream else of_google.models.generate_content
        with pytest.raises(errors.ClientError, match="used up") as exhausted:
            list(ask(model="gemini-3.1-pro-preview", contents="hello"))
        assert exhausted.value.status == "RESOURCE_EXHAUSTED"
    assert outcomes(bridge, 5) == [*["quota"] * 4, "ok"]
