"""Bodies from upstream are limited in size, compressed or not."""

import gzip
import io
import tracemalloc
import zlib

import pytest
import requests
from urllib3 import HTTPResponse

from copilot_bridge.dialects.framing.sse import Splitter
from copilot_bridge.errors import StreamCut, UpstreamRefused
from copilot_bridge.streaming.response_body import BlockingBody
from copilot_bridge.upstream.transport.bodies import (
    MEGABYTE,
    SIZE_LIMIT,
    read_error_body,
    read_tail,
    read_whole,
)


def response(body: bytes, encoding: str = "", most: int = MEGABYTE) -> requests.Response:
    made = requests.Response()
    headers = {"Content-Encoding": encoding} if encoding else {}
    made.headers.update(headers)
    made.raw = HTTPResponse(io.BytesIO(body), headers=headers, status=200, preload_content=False)
    setattr(made, SIZE_LIMIT, most)
    return made


PACK = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", [0, 1, MEGABYTE - 1, MEGABYTE])
def test_a_response_up_to_the_limit_is_read(encoding: str, size: int) -> None:
    body = bytes(size)
    assert read_whole(response(PACK[encoding](body), encoding)) == body


@pytest.mark.parametrize("encoding", PACK)
def test_a_response_beyond_the_limit_is_refused(encoding: str) -> None:
    sent = response(PACK[encoding](bytes(MEGABYTE + 1)), encoding)
    with pytest.raises(UpstreamRefused, match="larger than 1 MB") as caught:
        read_whole(sent)
    assert caught.value.code == "response_too_large"
    assert sent.raw.closed


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_takes_no_memory(encoding: str) -> None:
    bomb = PACK[encoding](bytes(256 * MEGABYTE))
    tracemalloc.start()
    try:
        with pytest.raises(UpstreamRefused):
            read_whole(response(bomb, encoding))
        assert len(read_error_body(response(bomb, encoding))) <= 65536
        body = BlockingBody(response(bomb, encoding))
        assert [len(body.read_available()) <= 65536 for _ in range(4)] == [True] * 4
        assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTE
    finally:
        tracemalloc.stop()


class Line:
    """A connection, as far as `finish` knows one."""

    sock = None

    def settimeout(self, _seconds: float) -> None:
        self.asked = True

    def close(self) -> None:
        self.closed = True


def test_the_end_of_a_stream_that_has_none() -> None:
    sent, line = response(bytes(8 * MEGABYTE)), Line()
    line.sock = line  # type: ignore[assignment]
    sent.raw._connection = line
    read_tail(sent)
    assert line.closed


@pytest.mark.parametrize(
    "piece", [b"x" * 4096, b"data: x\n" * 512, b"x\r" * 2048], ids=["line", "lines", "returns"]
)
def test_an_event_without_an_end(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Splitter, "max_block_size", MEGABYTE)
    splitter = Splitter()
    for _ in range(MEGABYTE // len(piece) - 1):
        assert splitter.feed(piece) == []
    with pytest.raises(StreamCut, match="larger than 1 MB"):
        splitter.feed(piece * 2 + b"x")
    assert not splitter._buffer
