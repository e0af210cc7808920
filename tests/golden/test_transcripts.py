"""Streams and whole responses that are passed on are those of the transcripts, however they are cut.

A case is a folder `<client's dialect>-from-<upstream's>/<name>`:

    upstream.sse                  what Copilot sends
    client.sse                    what a client gets that wants the usage
    client-without-usage.sse      what a client gets that does not, in some cases
    client.json                   the same stream, accumulated into a whole response
    upstream.json -> client.json  a whole response
    normalizer.json               settings, if they are not the usual ones

A missing file is not compared, except `client.sse` and a whole response's `client.json`.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from golden.transcripts import (
    SIZES,
    Golden,
    check_stream,
    check_whole,
    cut,
    cut_everywhere,
    normalize,
    normalize_pieces,
    normalizer,
    options_of,
)

from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.dialects.responses import response as responses_response
from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.accumulation import accumulate
from copilot_bridge.dialects.chat.response import (ChatAccumulator, normalize_response)
from copilot_bridge.dialects.messages import normalize as messages
from copilot_bridge.dialects.messages.response import MessagesAccumulator
from copilot_bridge.dialects.messages.response import normalize_response as normalize_message
from copilot_bridge.dialects.responses import normalize as responses
from copilot_bridge.streaming.body_framing import Chunked, BodyFraming, Sized, UntilClose

CASES = Path(__file__).parent


def cases(pattern: str) -> list[Path]:
    return sorted(path.parent for path in CASES.glob(f"chat-from-chat/*/{pattern}"))


def name(path: object) -> str | None:
    return path.name if isinstance(path, Path) else None


STREAMS = cases("upstream.sse")
FOLDED = [case for case in STREAMS if (case / "client.json").exists()]
UNCOUNTED = cases("client-without-usage.sse")
WHOLE = cases("upstream.json")
# What keeps Copilot's own fields keeps no promise of OpenAI's about them.
PROMISED = [case for case in STREAMS if not options_of(case)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", STREAMS, ids=name)
def test_a_stream_is_as_recorded(case: Path, size: int, golden: Golden) -> None:
    sent = (case / "upstream.sse").read_bytes()
    golden.check(case / "client.sse", normalize(sent, size, **options_of(case)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", UNCOUNTED, ids=name)
def test_a_stream_without_usage_is_as_recorded(case: Path, size: int, golden: Golden) -> None:
    sent = (case / "upstream.sse").read_bytes()
    golden.check(case / "client-without-usage.sse", normalize(sent, size, usage=False, **options_of(case)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", FOLDED, ids=name)
def test_an_accumulated_stream_is_as_recorded(case: Path, size: int, golden: Golden) -> None:
    sent = (case / "upstream.sse").read_bytes()
    golden.check(case / "client.json", accumulate(cut(sent, size), ChatAccumulator(normalizer(**options_of(case))))[0])


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_a_whole_response_is_as_recorded(case: Path, golden: Golden) -> None:
    sent = (case / "upstream.json").read_bytes()
    golden.check(case / "client.json", normalize_response(ReceivedResponse.read(sent), normalizer(**options_of(case)))[0])


@pytest.mark.parametrize("case", PROMISED, ids=name)
def test_a_stream_keeps_openais_rules(case: Path) -> None:
    check_stream((case / "client.sse").read_bytes(), usage=True)


@pytest.mark.parametrize("case", [case for case in UNCOUNTED if case in PROMISED], ids=name)
def test_a_stream_without_usage_keeps_openais_rules(case: Path) -> None:
    check_stream((case / "client-without-usage.sse").read_bytes(), usage=False)


@pytest.mark.parametrize("case", [*FOLDED, *WHOLE], ids=name)
def test_a_whole_response_keeps_openais_rules(case: Path) -> None:
    check_whole(json.loads((case / "client.json").read_bytes()))


@pytest.mark.parametrize("case", [case for case in STREAMS if case.name.startswith("openai")], ids=name)
def test_openais_own_stream_is_passed_on_unchanged(case: Path) -> None:
    assert (case / "client.sse").read_bytes() == (case / "upstream.sse").read_bytes()


def test_every_case_is_complete() -> None:
    assert set(cases("*")) == {*STREAMS, *WHOLE}
    assert len(STREAMS) > 30
    assert len(WHOLE) > 5


# The dialects that are passed through: what stays and what is mended.
PASSED = {"messages": messages.MessagesNormalizer, "responses": responses.ResponsesNormalizer}


def passed(dialect: str, pattern: str) -> list[Path]:
    return sorted(path.parent for path in CASES.glob(f"{dialect}-from-{dialect}/*/{pattern}"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("dialect", "case"),
    [(dialect, case) for dialect in PASSED for case in passed(dialect, "upstream.sse")],
    ids=name,
)
def test_a_stream_that_is_passed_on_is_as_recorded(dialect: str, case: Path, size: int, golden: Golden) -> None:
    stream = PASSED[dialect](keep=bool(options_of(case).get("keep")))
    out = b"".join(stream.feed(piece) for piece in cut((case / "upstream.sse").read_bytes(), size))
    golden.check(case / "client.sse", out + stream.close())


@pytest.mark.parametrize("case", STREAMS, ids=name)
def test_a_stream_is_the_same_wherever_its_events_are_cut(case: Path) -> None:
    expected = (case / "client.sse").read_bytes()
    for pieces in cut_everywhere((case / "upstream.sse").read_bytes()):
        assert normalize_pieces(pieces, **options_of(case)) == expected, pieces


@pytest.mark.parametrize(
    ("dialect", "case"),
    [(dialect, case) for dialect in PASSED for case in passed(dialect, "upstream.sse")],
    ids=name,
)
def test_a_stream_that_is_passed_on_is_the_same_wherever_its_events_are_cut(dialect: str, case: Path) -> None:
    expected = (case / "client.sse").read_bytes()
    for pieces in cut_everywhere((case / "upstream.sse").read_bytes()):
        stream = PASSED[dialect](keep=bool(options_of(case).get("keep")))
        assert b"".join(map(stream.feed, pieces)) + stream.close() == expected, pieces


# A stream of each dialect, of middling size.
EXAMPLES = (
    "chat-from-chat/azure-text",
    "messages-from-messages/refusal",
    "responses-from-responses/tool-call",
)
READERS = {"chat": lambda: ChatNormalizer(normalizer(), usage=True)} | PASSED


def framed(sent: bytes) -> list[tuple[Callable[[], BodyFraming], bytes]]:
    """The same as it may stand on the wire: in chunks, of which one is an event; with a length; as it is."""
    blocks = [block + b"\n\n" for block in sent.removesuffix(b"\n\n").split(b"\n\n")]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks) + b"0\r\n\r\n"
    return [(Chunked, chunks), (lambda: Sized(len(sent)), sent), (UntilClose, sent)]


def cuts(framing: Callable[[], BodyFraming], wire: bytes) -> Iterator[int]:
    """Every place where there is a framing to be cut, too; else at the ends of events and beside them."""
    if framing is Chunked:
        yield from range(len(wire) + 1)
        return
    for end in re.finditer(rb"\n\n", wire):
        yield from range(end.start() - 1, min(end.end() + 2, len(wire) + 1))


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_stream_does_not_depend_on_the_cuts(example: str) -> None:
    case = CASES / example
    sent = (case / "upstream.sse").read_bytes()
    expected = (case / "client.sse").read_bytes()
    for framing, wire in framed(sent):
        for cut_at in cuts(framing, wire):
            unframed, reader = framing(), READERS[example.split("-")[0]]()
            out = b"".join(
                reader.feed(unframed.feed(wire[part])) for part in (slice(cut_at), slice(cut_at, None))
            )
            assert out + (b"" if reader.done else reader.close()) == expected, f"cut at {cut_at}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", passed("messages", "client.json"), ids=name)
def test_an_accumulated_message_is_as_recorded(case: Path, size: int, golden: Golden) -> None:
    source = case / "upstream.json"
    if source.exists():
        whole, _ = normalize_message(ReceivedResponse.read(source.read_bytes()))
    else:
        whole, _ = accumulate(cut((case / "upstream.sse").read_bytes(), size), MessagesAccumulator())
    golden.check(case / "client.json", whole)


@pytest.mark.parametrize("case", passed("responses", "upstream.json"), ids=name)
def test_a_whole_response_of_responses_is_as_recorded(case: Path, golden: Golden) -> None:
    whole, _, upstream_item_ids = responses_response.normalize_response(
        ReceivedResponse.read((case / "upstream.json").read_bytes())
    )
    golden.check(case / "client.json", codec.write(whole))
    assert upstream_item_ids
