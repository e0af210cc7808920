"""The endpoints of the dialects, and the operations that they request."""

from collections.abc import Iterator
from functools import partial

from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.embeddings import DIALECT as EMBEDDINGS
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.dialects.responses.turns import TurnRequest
from copilot_bridge.pipeline.embeddings import EmbeddingsRequest
from copilot_bridge.pipeline.operations import Generation, TokenCount
from copilot_bridge.pipeline.run import ReadRequest
from copilot_bridge.pipeline.search_request import SearchRequest


def endpoints_of(dialect: Dialect) -> Iterator[tuple[str, ReadRequest]]:
    """Yield the paths of a dialect, below each of the bridge's prefixes, and what is done there.

    Paths with a parameter are left out: their views in `http/api/` know what to do with it.
    """
    if dialect.has_parameter:
        return
    if dialect.request:
        yield dialect.endpoint, partial(Generation, dialect)
    if dialect.counting:
        yield dialect.counting.endpoint, partial(TokenCount, dialect)


ENDPOINTS: dict[str, ReadRequest] = {
    **{path: read for dialect in DIALECTS.values() for path, read in endpoints_of(dialect)},
    EMBEDDINGS.endpoint: partial(EmbeddingsRequest, EMBEDDINGS),
    "/alpha/search": SearchRequest,
}

# A turn over a WebSocket.
TURN: ReadRequest = partial(Generation, RESPONSES, read=TurnRequest.read)
