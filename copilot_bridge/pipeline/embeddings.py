"""The embedding of texts, in as many requests to Copilot as it takes."""

from collections.abc import Callable, Mapping

from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.errors import Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.upstream.error_mapping import forwarded
from copilot_bridge.upstream.transport.bodies import read_whole

PATH = "/embeddings"
MOST_INPUTS = 512  # where the catalogue does not say


def unchanged(response: Pieces) -> Pieces:
    """Return OpenAI's response as it is."""
    return response


class EmbeddingsRequest:
    """Embeds texts.

    :param dialect: of the client.
    :param read: reads a body as one of OpenAI's embeddings.
    :param write: writes the response; takes OpenAI's.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    streaming = False

    def __init__(
        self,
        dialect: Dialect,
        call: RequestContext,
        entry: RequestLogEntry,
        data: bytes,
        _headers: Mapping[str, str],
        *,
        read: Callable[[bytes], JsonObject] = embeddings.read,
        write: Callable[[Pieces], bytes | Pieces] = unchanged,
    ) -> None:
        self.dialect = dialect.name
        self._dialect = dialect
        self._write = write
        self._call = call
        self._entry = entry
        self._body = read(data)
        self._size = len(data)
        self.model: str = self._body["model"]
        self.reply_headers: dict[str, str] = {}

    def complete(self) -> bytes | Pieces:
        """Return the whole response.  Blocks.

        :raises BridgeError: there is none.
        """
        copilot = self._call.copilot()
        choice = self._call.models.resolve(copilot, self.model)
        self._entry.model, self._entry.upstream = choice.model.id, embeddings.DIALECT.name
        if choice.model.type != "embeddings":
            raise Unsupported(f"{choice.model.id!r} is no embeddings model", param="model")
        if self._body.get("dimensions") and not choice.model.supports.get("dimensions"):
            where = self._dialect.field_path("dimensions")
            raise Unsupported(f"{where}: {choice.model.id!r} has a fixed number of dimensions", param=where)
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
        return self._write(whole)
