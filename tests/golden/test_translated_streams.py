"""Streams translated for a client of another dialect are those of the transcripts, however they are cut.

upstream-<dialect>/<case>.sse                what Copilot sends
<client>-from-<upstream>/<case>/client.sse   what a client gets, with a failure as the last event
<client>-from-<upstream>/<case>/client.json  the same, accumulated into a whole response; not for a failure
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from golden.transcripts import CREATED, MODEL, Golden, cut, cut_everywhere

from dialect_tables import READERS, accumulators, writers
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.accumulation import FrameCollector, ResponseAccumulator, accumulate
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.chat import response as chat_response
from copilot_bridge.dialects.chat.reader import ChatReader
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.messages import response as messages_response
from copilot_bridge.dialects.messages.reader import MessagesReader
from copilot_bridge.dialects.messages.writer import MessagesWriter
from copilot_bridge.dialects.responses import response as responses_response
from copilot_bridge.dialects.responses.reader import ResponsesReader
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.responses.writer import ResponsesWriter
from copilot_bridge.dialects.events import Event
from copilot_bridge.dialects.translation import EventDecoder, Translation
from copilot_bridge.errors import BridgeError

HERE = Path(__file__).parent

WRITERS = writers(lines=True, model=MODEL, created=CREATED)
ACCUMULATORS = accumulators(lines=True, model=MODEL, created=CREATED)
# The clients whose streams are events, and not lines.
EVENTS = accumulators()

BROKEN = ("error-mid-stream", "cut-mid-stream")
NAMES = {
    "text",
    "tool-single",
    "tools-parallel",
    "tools-interleaved",
    "thinking",
    "refusal",
    "length",
    *BROKEN,
}

CASES = [
    pytest.param(client, path, id=f"{client}-from-{upstream}-{path.stem}")
    for upstream in READERS
    for path in sorted(HERE.glob(f"upstream-{upstream}/*.sse"))
    for client in WRITERS
    if client != upstream
]


def upstream_of(path: Path) -> str:
    return path.parent.name.removeprefix("upstream-")


def expected(client: str, path: Path) -> Path:
    return HERE / f"{client}-from-{upstream_of(path)}" / path.stem


def run_translation(stream: Translation, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """As an exchange does it.  Raises what the stream tells, after what came before it."""
    for piece in pieces:
        yield stream.feed(piece)
        if stream.failure:
            raise stream.failure
        if stream.done:
            return
    yield stream.close()


def translation(client: str, path: Path, framing: Framing | None = None) -> Translation:
    return Translation(READERS[upstream_of(path)](), WRITERS[client](), framing or DIALECTS[client].framing)


def whole(client: str, path: Path) -> bytes:
    accumulator = ACCUMULATORS[client]()
    assert {*run_translation(translation(client, path, FrameCollector(accumulator)), [path.read_bytes()])} == {b""}
    return accumulator.result()[0]


def translate(client: str, path: Path, pieces: Iterable[bytes]) -> bytes:
    stream, out = translation(client, path), b""
    try:
        for piece in run_translation(stream, pieces):
            out += piece
    except BridgeError as error:
        return out + stream.fail(error)
    return out


@pytest.mark.parametrize(("client", "path"), CASES)
def test_a_translated_stream_is_as_recorded(client: str, path: Path, golden: Golden) -> None:
    data = path.read_bytes()
    whole = translate(client, path, [data])
    golden.check(expected(client, path) / "client.sse", whole)
    assert translate(client, path, cut(data, 1)) == whole
    assert (b"it broke" in whole) == (path.stem == "error-mid-stream")


def decoded(path: Path, pieces: Iterable[bytes]) -> list[Event | str]:
    """The events of a stream, and the error at its end."""
    decoder, events = EventDecoder(READERS[upstream_of(path)]()), list[Event | str]()
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        if not decoder.done:
            events += decoder.close()
    except BridgeError as error:
        events.append(str(error))
    return events


@pytest.mark.parametrize("path", [*dict.fromkeys(case.values[1] for case in CASES)])
def test_a_translated_stream_does_not_depend_on_the_cuts(path: Path) -> None:
    """A client gets what is written of the events, which are the same for each; so one in turn gets all."""
    data = path.read_bytes()
    events = decoded(path, [data])
    clients = {client: translate(client, path, [data]) for client in WRITERS if client != upstream_of(path)}
    for pieces, (client, whole) in zip(cut_everywhere(data), cycle(clients.items()), strict=False):
        assert decoded(path, pieces) == events, pieces
        assert translate(client, path, pieces) == whole, pieces


@pytest.mark.parametrize(("client", "path"), CASES)
def test_a_whole_translated_response_is_as_recorded(client: str, path: Path, golden: Golden) -> None:
    accumulated = expected(client, path) / "client.json"
    pieces = run_translation(translation(client, path), [path.read_bytes()])
    if path.stem in BROKEN:
        with pytest.raises(BridgeError):
            whole(client, path)
        assert not accumulated.exists()
    else:
        golden.check(accumulated, whole(client, path))
        if client in EVENTS:
            assert accumulate(pieces, ACCUMULATORS[client]())[0] == accumulated.read_bytes()


def test_every_client_has_transcripts_from_every_upstream() -> None:
    cells = {f"{client}-from-{upstream}" for client in WRITERS for upstream in READERS}
    assert len(cells) == 15
    assert {path.name for path in HERE.glob("*-from-*")} == cells


def test_every_case_is_complete() -> None:
    for upstream in READERS:
        sent = {path.stem for path in HERE.glob(f"upstream-{upstream}/*.sse")}
        assert sent >= NAMES
        for client in set(WRITERS) - {upstream}:
            assert {path.name for path in HERE.glob(f"{client}-from-{upstream}/*")} == sent
