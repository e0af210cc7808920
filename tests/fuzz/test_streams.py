"""Damaged streams raise only BridgeErrors, and one that was cut off or has an error is never a success.

Some hundred changes of recorded responses are tried, always the same ones.  With `--fuzz SECONDS` others
follow for that time; `make fuzz` does that.
"""

from collections.abc import Callable, Iterator
from random import Random

import pytest
from fuzz.conftest import noting_seed
from fuzz.mutations import (
    DIALECTS,
    changed_response,
    cut_off,
    has_end,
    mutant,
    responses,
    streams,
    with_error,
)
from fuzz.paths import WHOLE, check, stream_ways

from copilot_bridge.errors import BridgeError

Check = Callable[[Random, str], None]


def pieces_of(rng: Random, stream: bytes) -> list[bytes]:
    size = rng.choice([1 << 20, 1 << 20, 100, 7])
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def check_stream(rng: Random, dialect: str, stream: bytes, *, bad: bool = False) -> None:
    for way, outcome in stream_ways(dialect, pieces_of(rng, stream)):
        try:
            assert not bad or outcome.error is not None, f"a success: {outcome.output!r}"
            check(dialect, way, outcome)
        except Exception as error:
            error.add_note(f"{dialect}, {way}: {stream!r}\ntold: {outcome!r}")
            raise


def check_mutant(rng: Random, dialect: str) -> None:
    stream = mutant(rng, dialect)
    check_stream(rng, dialect, stream, bad=not has_end(dialect, stream))


def check_cut(rng: Random, dialect: str) -> None:
    check_stream(rng, dialect, cut_off(rng, dialect), bad=True)


def check_error(rng: Random, dialect: str) -> None:
    check_stream(rng, dialect, with_error(rng, dialect), bad=True)


def check_response(rng: Random, dialect: str) -> None:
    """In one piece, also where a stream was asked for."""
    response = changed_response(rng, dialect)
    try:
        WHOLE[dialect](response)
    except BridgeError:
        pass
    except Exception as error:
        error.add_note(f"{dialect}, whole: {response!r}")
        raise
    if dialect != "chat":  # whose chunks look alike
        check_stream(rng, dialect, response, bad=True)


CHECKS: tuple[Check, ...] = (check_mutant, check_cut, check_error, check_response)


@pytest.mark.parametrize("check_one", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_damaged_stream_raises_only_bridge_errors(
    dialect: str, check_one: Check, seeds: Iterator[int]
) -> None:
    for seed in seeds:
        with noting_seed(seed):
            check_one(Random(seed), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_streams_are_complete(dialect: str) -> None:
    """Or the rest would be worth nothing."""
    assert len(streams(dialect)) >= 7
    assert len(responses(dialect)) >= 4
    for stream in streams(dialect):
        for way, outcome in stream_ways(dialect, [stream]):
            assert outcome.error is None, (way, stream)
            check(dialect, way, outcome)
