"""Forms that a dialect has besides its chats: generations, completions, gaps to fill, a stream as an array.

forms/<form>/<case>.json                           what a client sends
forms/<form>/<case>.to-<upstream>.json             its translation, before quirks of the model
forms/<form>/from-<upstream>/<stream>.stream       what the client of the first case gets
forms/<form>/from-<upstream>/<stream>.json         the same as a whole response; not for a failure

What Copilot sends is in upstream-<dialect>.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from dialect_tables import READERS
from golden.transcripts import CREATED, MODEL, Golden, cut, cut_everywhere

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import FrameCollector, ResponseAccumulator
from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.client_request import ClientRequest, ResponseOptions
from copilot_bridge.dialects.completions.client_request import CompletionsRequest, FillRequest
from copilot_bridge.dialects.completions.dialect import COMPLETIONS, FILL
from copilot_bridge.dialects.completions.reader import CompletionsReader
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.gemini.client_request import GeminiRequest
from copilot_bridge.dialects.gemini.dialect import GEMINI
from copilot_bridge.dialects.ollama.client_request import GenerateRequest
from copilot_bridge.dialects.ollama.dialect import OLLAMA_GENERATE
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.translation import Translation
from copilot_bridge.errors import BridgeError, Unsupported

HERE = Path(__file__).parent


class Form(NamedTuple):
    """`first`: the case whose client gets the streams; they are those of `upstreams`."""

    dialect: Dialect
    read: Callable[[bytes], ClientRequest]
    first: str
    upstreams: tuple[str, ...]

    def request(self, name: str, case: str) -> ClientRequest:
        return self.read((HERE / "forms" / name / f"{case}.json").read_bytes())


array = partial(GeminiRequest.read_stream, model=MODEL, as_events=False)
FORMS = {
    "ollama-generate": Form(OLLAMA_GENERATE, GenerateRequest.read, "text", ("completions", "chat")),
    "completions": Form(COMPLETIONS, CompletionsRequest.read, "text", ("completions", "chat")),
    "fill": Form(FILL, FillRequest.read, "suffix", ("completions",)),
    "gemini-array": Form(GEMINI, array, "text", ("chat",)),
}
STREAM_READERS = {**READERS, "completions": CompletionsReader}
BROKEN = ("error-mid-stream", "cut-mid-stream")


def asked(form: str) -> list[str]:
    return sorted(path.stem for path in (HERE / "forms" / form).glob("*.json") if ".to-" not in path.name)


REFUSED = ("ollama-generate", "image", "completions")  # a model that completes texts sees no images
REQUESTS = [
    row
    for form in FORMS
    for case in asked(form)
    for upstream in FORMS[form].dialect.upstream_order
    if (row := (form, case, upstream)) != REFUSED
]
STREAMS = [
    (form, path)
    for form in FORMS
    for upstream in FORMS[form].upstreams
    for path in sorted(HERE.glob(f"upstream-{upstream}/*.sse"))
]


def responses(form: str, path: Path) -> Path:
    return HERE / "forms" / form / path.parent.name.replace("upstream-", "from-") / path.stem


def translation(form: str, path: Path, collect: bool = False) -> tuple[Translation, ResponseAccumulator]:
    """As an exchange makes it: into a stream, or into frames for the accumulator."""
    client = FORMS[form].request(form, FORMS[form].first)
    response = client.response(ResponseOptions("answer", CREATED, keep=False, upstream_item_ids={}))
    accumulator = response.accumulator()
    own = client.framing or FORMS[form].dialect.framing
    reader = STREAM_READERS[path.parent.name.removeprefix("upstream-")]()
    return Translation(
        reader, response.writer(), FrameCollector(accumulator) if collect else own
    ), accumulator


def relayed(stream: Translation, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """As an exchange does it.  Raises what the stream tells, after what came before it."""
    for piece in pieces:
        yield stream.feed(piece)
        if stream.failure:
            raise stream.failure
    if not stream.done:
        yield stream.close()


def translate(form: str, path: Path, pieces: Iterable[bytes]) -> bytes:
    stream, out = translation(form, path)[0], b""
    try:
        for written in relayed(stream, pieces):
            out += written
    except BridgeError as error:
        return out + stream.fail(error)
    return out


def whole(form: str, path: Path) -> bytes:
    stream, accumulator = translation(form, path, collect=True)
    assert {*relayed(stream, [path.read_bytes()])} == {b""}
    return accumulator.result()[0]


@pytest.mark.parametrize(("form", "case", "upstream"), REQUESTS)
def test_a_request_becomes_what_is_recorded(form: str, case: str, upstream: str, golden: Golden) -> None:
    prompt = FORMS[form].request(form, case).read_prompt()
    target = DIALECTS[upstream]
    assert target.upstream
    body = target.upstream.write_prompt(adapt_prompt(prompt, target.limits, FORMS[form].dialect.name)[0])
    shown = json.dumps(json.loads(codec.write(body)), indent=2, ensure_ascii=False) + "\n"
    golden.check(HERE / "forms" / form / f"{case}.to-{upstream}.json", shown.encode())


def test_a_request_that_the_model_lacks_is_refused() -> None:
    form, case, upstream = REFUSED
    prompt = FORMS[form].request(form, case).read_prompt()
    with pytest.raises(Unsupported):
        adapt_prompt(prompt, DIALECTS[upstream].limits, FORMS[form].dialect.name)


@pytest.mark.parametrize(("form", "path"), STREAMS)
def test_a_stream_is_as_recorded(form: str, path: Path, golden: Golden) -> None:
    data = path.read_bytes()
    out = translate(form, path, [data])
    golden.check(responses(form, path).with_suffix(".stream"), out)
    assert translate(form, path, cut(data, 1)) == out


# Each of upstream's streams for one form: the writers see events, and a cut is the reader's alone.
@pytest.mark.parametrize(("path", "form"), [*{path: form for form, path in STREAMS}.items()])
def test_a_stream_is_the_same_wherever_its_events_are_cut(path: Path, form: str) -> None:
    expected = responses(form, path).with_suffix(".stream").read_bytes()
    for pieces in cut_everywhere(path.read_bytes()):
        assert translate(form, path, pieces) == expected, pieces


@pytest.mark.parametrize(("form", "path"), STREAMS)
def test_a_whole_response_is_as_recorded(form: str, path: Path, golden: Golden) -> None:
    expected = responses(form, path).with_suffix(".json")
    if path.stem in BROKEN:
        with pytest.raises(BridgeError):
            whole(form, path)
        assert not expected.exists()
    else:
        golden.check(expected, whole(form, path))


@pytest.mark.parametrize("path", sorted(HERE.glob("forms/gemini-array/*/*.stream")))
def test_an_array_is_one_json_document_unless_it_is_cut_off(path: Path) -> None:
    data = path.read_bytes()
    whole = json.loads(data)
    assert isinstance(whole, list)
    assert ("error" in whole[-1]) == (path.stem in BROKEN)


def test_every_case_is_complete() -> None:
    assert {path.name for path in (HERE / "forms").iterdir()} == {*FORMS}
    translated = {HERE / "forms" / form / f"{case}.to-{upstream}.json" for form, case, upstream in REQUESTS}
    streams = {responses(form, path).with_suffix(".stream") for form, path in STREAMS}
    whole = {path.with_suffix(".json") for path in streams if path.stem not in BROKEN}
    requests = {HERE / "forms" / form / f"{case}.json" for form in FORMS for case in asked(form)}
    found = {path for path in (HERE / "forms").rglob("*") if path.is_file()}
    assert found == translated | streams | whole | requests
