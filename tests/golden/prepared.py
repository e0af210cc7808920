"""Requests prepared as an exchange does it, and responses converted, without a server and an account."""

import io
from types import SimpleNamespace
from typing import Any, cast

import orjson
import requests
from golden.transcripts import CREATED
from urllib3 import HTTPResponse

from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Catalogue
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.prepare import prepare
from copilot_bridge.pipeline.prepared import PreparedRequest
from copilot_bridge.pipeline.received import read_request
from copilot_bridge.upstream.catalogues import ModelCatalogues
from copilot_bridge.upstream.recovery.learned import Learned

NOTHING_LEARNED = SimpleNamespace(all=list, read=int)


class Catalogues(ModelCatalogues):
    """A catalogue that nobody has to fetch."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._only = catalogue

    def catalogue(self, _copilot: Any) -> Catalogue:
        return self._only


class Preparation:
    """Prepares requests for the models of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._context = SimpleNamespace(
            bridge=SimpleNamespace(
                config=SimpleNamespace(keep_copilot_fields=False),
                learned=Learned(cast(Any, NOTHING_LEARNED), cast(Any, NOTHING_LEARNED)),
                pictures=None,
                response_store=SimpleNamespace(max_bytes=0),
                upstream_item_ids={},
            ),
            account=SimpleNamespace(fingerprint="account"),
            copilot=lambda: None,
            may_run=lambda _kind: False,
            memory=None,
            models=Catalogues(catalogue),
        )
        self._attribution = SimpleNamespace(note_resolved=lambda _resolved: None, pick_context=None)

    def __call__(self, dialect: Dialect, body: Any) -> PreparedRequest:
        entry = RequestLogEntry("127.0.0.1", "POST", dialect.endpoint, "answer", at=CREATED)
        context = cast(RequestContext, self._context)
        received = read_request(context, entry, dialect, orjson.dumps(body), {})
        return prepare(received, cast(Attribution, self._attribution))


def streamed(prepared: PreparedRequest, pieces: list[bytes]) -> bytes:
    """What a client gets of Copilot's stream."""
    reader = prepared.conversion.reader()
    out = b"".join(map(reader.feed, pieces))
    return out if reader.done else out + reader.close()


def whole(prepared: PreparedRequest, stream: bytes) -> bytes:
    """Copilot's stream as a whole response."""
    response = requests.Response()
    response.raw = HTTPResponse(io.BytesIO(stream), preload_content=False)
    entry = RequestLogEntry("127.0.0.1", "POST", "/")
    return prepared.conversion.whole(response, True, entry, 1 << 20)
