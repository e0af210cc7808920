"""The embedding of texts, in as many requests to Copilot as it takes."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

import requests

from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.pieces import HELD_SIZE, Pieces, gather
from copilot_bridge.errors import Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.error_mapping import forwarded
from copilot_bridge.upstream.transport.bodies import read_pieces

PATH = "/embeddings"
MAX_INPUTS = 512  # where the catalogue does not say


class EmbeddingsRequest:
    """Embeds texts.

    :param dialect: of the client.
    :param read: reads a body as one of OpenAI's embeddings.
    :param write: writes the response; takes OpenAI's.  None: that is it.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    streaming = False

    def __init__(
        self,
        dialect: Dialect,
        context: RequestContext,
        entry: RequestLogEntry,
        data: bytes,
        _headers: Mapping[str, str],
        *,
        read: Callable[[bytes], JsonObject] = embeddings.read,
        write: Callable[[Pieces], bytes] | None = None,
    ) -> None:
        self.dialect = dialect.name
        self._dialect = dialect
        self._write = write
        self._context = context
        self._entry = entry
        self._body = read(data)
        self._size = len(data)
        self.model: str = self._body["model"]
        self.response_headers: dict[str, str] = {}

    def complete(self) -> bytes | Pieces:
        """Return the whole response.  Blocks.

        :raises BridgeError: there is none.
        """
        copilot = self._context.copilot()
        choice = self._context.models.resolve(copilot, self.model)
        self._entry.model, self._entry.upstream = choice.model.id, embeddings.DIALECT.name
        if choice.model.type != "embeddings":
            raise Unsupported(f"{choice.model.id!r} is no embeddings model", param="model")
        if self._body.get("dimensions") and not choice.model.supports.get("dimensions"):
            where = self._dialect.field_path("dimensions")
            raise Unsupported(f"{where}: {choice.model.id!r} has a fixed number of dimensions", param=where)
        self._context.before_sending(self._entry, choice.model, self._size)
        whole = gather(self._parts(choice, copilot), HELD_SIZE if self._write is None else sys.maxsize)
        return whole if self._write is None else self._write(whole)

    def _parts(self, choice: ResolvedModel, copilot: Copilot) -> Iterator[Any]:
        """Yield OpenAI's response part by part, once Copilot has accepted all of the texts."""
        max_inputs = choice.model.max_inputs or MAX_INPUTS
        with ExitStack() as open_responses:
            responses = [
                open_responses.enter_context(closing(self._send(choice, copilot, part)))
                for part in embeddings.write(self._body, choice.model.id, max_inputs)
            ]
            self._context.note_quota(self.response_headers)
            writer = embeddings.ResponseWriter(self.model, self._body.get("encoding_format"))
            for response, size in zip(responses, embeddings.sizes(self._body, max_inputs), strict=True):
                yield from writer.add(read_pieces(response), size)
            self._entry.note_usage(writer.usage)
            yield writer.end()

    def _send(self, choice: ResolvedModel, copilot: Copilot, body: bytes) -> requests.Response:
        response = copilot.send(
            "POST", PATH, body, dict(choice.headers), request_id=self._entry.id, model=choice.model.id
        )
        self._context.note_accepted(self._entry, response.headers)
        self.response_headers = forwarded(response.headers)
        return response
