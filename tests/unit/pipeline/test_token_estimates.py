"""How many tokens a response has so far, as the pages show it."""

from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.token_estimates import MAX_MODELS, TokenEstimates

SONNET = ("messages", "claude-sonnet-5")


def entry(received: int, tokens: int | None = None, model: str = "claude-sonnet-5") -> RequestLogEntry:
    made = RequestLogEntry("127.0.0.1", "POST", "/v1/messages", model=model, tokens_out=tokens)
    made.upstream, made.received = "messages", received
    return made


def test_before_any_response_an_event_is_a_token() -> None:
    assert TokenEstimates().estimate(SONNET, 1260) == 10
    assert TokenEstimates().estimate(("embeddings", "text-embedding-3-small"), 1260) is None
    assert TokenEstimates().estimate(SONNET, 0) is None


def test_responses_that_have_ended_tell_how_long_a_token_is() -> None:
    estimates = TokenEstimates()
    estimates.learn(entry(20_000, 1000))
    assert estimates.estimate(SONNET, 2000) == 100
    estimates.learn(entry(30_000, 1000))
    assert estimates.estimate(SONNET, 2000) == 78, "the last response counts most"
    assert estimates.progress(entry(4000)).tokens == 157


def test_short_responses_and_whole_ones_tell_nothing() -> None:
    estimates = TokenEstimates()
    estimates.learn(entry(20_000, 5))
    estimates.learn(entry(0, 1000))
    estimates.learn(entry(20_000))
    assert estimates.estimate(SONNET, 1260) == 10


def test_memory_is_bounded() -> None:
    estimates = TokenEstimates()
    for number in range(MAX_MODELS + 10):
        estimates.learn(entry(20_000, 1000, f"model-{number}"))
    assert estimates.estimate(("messages", f"model-{MAX_MODELS + 9}"), 1260) == 10
    assert estimates.estimate(("messages", "model-0"), 1260) == 63
