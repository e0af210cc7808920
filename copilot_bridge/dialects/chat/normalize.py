"""Correction of Copilot's Chat Completions streams on their way to the client.

`ChunkNormalizer` knows the faults and corrects chunks.  Here it is applied to a stream of bytes.  Most chunks
differ only in their text, so a template of them is learned: further chunks are rendered from it without
parsing, or passed on unchanged if nothing was wrong.
"""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.chunk_template import ChunkTemplate
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.stream_errors import incomplete_response, read_stream_error
from copilot_bridge.errors import BridgeError, UpstreamRefused


class ChatNormalizer:
    """Turns a stream of bytes, cut anywhere, into whole normalized events.

    :param usage: whether the client wants the usage chunk.
    """

    stopped = False  # whether the bridge ended the stream; only a translated stream can be

    def __init__(self, normalizer: ChunkNormalizer, *, usage: bool) -> None:
        self._normalizer = normalizer
        self._wants_usage = usage
        self._splitter = sse.Splitter()
        self._template: ChunkTemplate | None = None
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def usage(self) -> JsonObject | None:
        return self._normalizer.usage

    @property
    def finished(self) -> bool:
        """Return whether the response is complete, even if the stream is not."""
        return self._normalizer.finish_reason is not None

    def feed(self, piece: bytes) -> bytes:
        """Normalize a piece of the stream.

        If events come before an error in the same piece, they are returned, and the error is kept in
        `failure`.

        :raises UpstreamRefused: the stream contains an error.
        """
        if self._template and self._splitter.is_empty and piece.endswith(b"\n\n"):
            rendered = self._template.render(piece[:-2])  # the usual case: one event at a time
            if rendered is not None:
                return rendered
        out = []
        try:
            for block in self._splitter.feed(piece):
                rendered = self._template.render(block) if self._template else None
                out.append(self._normalize(block) if rendered is None else rendered)
        except UpstreamRefused as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """Return the rest of the stream.

        :raises StreamCut: the response has no end.
        :raises UpstreamRefused: the stream ended in an error.
        """
        if self.failure:
            raise self.failure
        out = self._normalize(self._splitter.rest())
        if self.done:
            return out
        if not self.finished:
            raise incomplete_response()
        return out + self._end()

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def _normalize(self, block: bytes) -> bytes:
        data = sse.read_data(block)
        if self.done or not data:
            return block + b"\n\n" if block.startswith(b":") and not self.done else b""
        if data.strip() == b"[DONE]":
            return self._end()
        if sse.tells_error(block):
            raise read_stream_error(data)
        chunk = codec.read_object(data)
        if chunk is None:
            return b""
        normalized = list(self._normalizer.normalize(chunk))
        if normalized == [chunk]:
            out = block + b"\n\n"
        else:
            out = FRAMING.encode([("", chunk) for chunk in normalized])
        # The first and the last chunk differ from all others, so the template may change.
        self._template = ChunkTemplate.after(self._template, block, chunk, normalized, out)
        return out

    def _end(self) -> bytes:
        chunks = list(self._normalizer.end())
        self.done, self._template = True, None
        usage = self._normalizer.usage_chunk()
        if self._wants_usage and usage:
            chunks.append(usage)
        return FRAMING.encode([("", chunk) for chunk in chunks]) + FRAMING.end
