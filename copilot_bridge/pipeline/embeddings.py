"""The embedding of texts, in as many requests to Copilot as it takes."""

from typing import Any

from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.errors import Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.upstream.error_mapping import forwarded
from copilot_bridge.upstream.transport.bodies import read_whole

PATH = "/embeddings"
MOST_INPUTS = 512  # where the catalogue does not say


class EmbeddingsRequest:
    """Embeds texts: `POST /embeddings`.

    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    dialect = "embeddings"
    streaming = False

    def __init__(self, call: RequestContext, entry: RequestLogEntry, data: bytes, _headers: Any) -> None:
        self._call = call
        self._entry = entry
        self._body = embeddings.read(data)
        self._size = len(data)
        self.model: str = self._body["model"]
        self.reply_headers: dict[str, str] = {}

    def complete(self) -> Pieces:
        """Return the whole response.  Blocks.

        :raises BridgeError: there is none.
        """
        copilot = self._call.copilot()
        choice = self._call.models.resolve(copilot, self.model)
        self._entry.model, self._entry.upstream = choice.model.id, self.dialect
        if choice.model.type != "embeddings":
            raise Unsupported(f"{choice.model.id!r} is no embeddings model", param="model")
        if self._body.get("dimensions") and not choice.model.supports.get("dimensions"):
            raise Unsupported(f"{choice.model.id!r} has a fixed number of dimensions", param="dimensions")
        replies = []
        most = choice.model.max_inputs or MOST_INPUTS
        self._call.before_sending(self._entry, choice.model, self._size)
        for part in embeddings.write(self._body, choice.model.id, most):
            response = copilot.send(
                "POST", PATH, part, dict(choice.headers), request_id=self._entry.id, model=choice.model.id
            )
            self._call.note_accepted(self._entry, response.headers)
            self.reply_headers = forwarded(response.headers)
            replies.append(read_whole(response))
        self._call.note_quota(self.reply_headers)
        sizes = embeddings.sizes(self._body, most)
        whole, usage = embeddings.merge_responses(
            replies, self.model, self._body.get("encoding_format"), sizes
        )
        self._entry.note_usage(usage)
        return whole
