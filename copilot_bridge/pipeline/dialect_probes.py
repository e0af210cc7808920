"""Tiny requests in each dialect, which show that a model responds."""

from contextlib import closing
from functools import partial

import orjson
from msgspec import Struct

from copilot_bridge.dialects.dialect import Probe
from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.operations import Generation
from copilot_bridge.pipeline.run import ReadRequest, finish_request, run_request


class DialectProbe(Struct, frozen=True):
    """The probe of a dialect: the path that clients use, its operation, and its request."""

    path: str
    make: ReadRequest
    probe: Probe


DIALECT_PROBES = {
    name: DialectProbe(f"/v1{dialect.endpoint}", partial(Generation, dialect), dialect.probe)
    for name, dialect in CONVERSATIONS.items()
    if dialect.probe
}

# The dialects that Copilot has: a probe of another one would show nothing that theirs do not.
UPSTREAM_PROBES = tuple(name for name in DIALECT_PROBES if CONVERSATIONS[name].upstream_path)


def probe_model(
    context: RequestContext, entry: RequestLogEntry, dialect: str, model: str, words: str, max_tokens: int
) -> str:
    """Have a model respond to a few words, as it would respond to a client, and return its text.

    The request is logged, and is subject to limits and approval like any other.

    :param context: of this request alone.
    :param max_tokens: the token limit of the response.
    :raises BridgeError: there is no response.
    """
    found = DIALECT_PROBES[dialect]
    body = orjson.dumps(found.probe.body(model, words, max_tokens))
    try:
        with closing(run_request(context, found.make, entry, body, {})) as exchange:
            result = exchange.result()
            response = result if isinstance(result, bytes) else b"".join(result)
        entry.status = 200
        return found.probe.text(orjson.loads(response)).strip()
    except BridgeError as error:
        entry.note_error(error)
        entry.status = error.status or 502
        raise
    finally:
        finish_request(context, entry)
