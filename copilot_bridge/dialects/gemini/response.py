"""Whole responses of the Gemini API, joined from the chunks of a stream."""

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.accumulation import WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.stream_errors import as_stream_error, incomplete_response

# The fields of a part with a text that goes on in the next part.
TEXT_FIELDS = ({"text"}, {"text", "thoughtSignature"}, {"text", "thought"})


class GeminiAccumulator:
    """Joins chunks into a response.  Its texts become one part each, and so do its thoughts."""

    def __init__(self) -> None:
        self._response: JsonObject = {}
        self._candidate: JsonObject = {}
        self._parts: list[JsonObject] = []
        self.done = False

    def add(self, chunk: JsonObject) -> None:
        if chunk.get("error"):
            raise as_stream_error(chunk["error"])
        self._response |= chunk
        for candidate in members.objects_in(chunk, "candidates"):
            self._candidate |= candidate
            for part in members.objects_in(members.object_in(candidate, "content"), "parts"):
                self._add_part(part)
        self.done = self.done or "finishReason" in self._candidate

    def _add_part(self, part: JsonObject) -> None:
        last = self._parts[-1] if self._parts else {}
        if part == {"text": ""}:
            return  # a chunk without any part is not valid, so one has this if nothing is left
        if "thoughtSignature" not in part and continues(last, part):
            self._parts[-1] = last | {"text": last["text"] + part["text"]}
        else:
            self._parts.append(part)

    def end(self) -> None:
        """Ignore the end marker, which this dialect does not have."""

    def result(self) -> WholeResponse:
        if not self.done:
            raise incomplete_response()
        content = {"parts": self._parts or [{"text": ""}], "role": "model"}
        response = self._response | {"candidates": [self._candidate | {"content": content}]}
        return codec.write(response), as_chat_usage(members.optional_object(response, "usageMetadata"))


def continues(last: JsonObject, part: JsonObject) -> bool:
    """Return whether a text of the same kind goes on in this part."""
    is_text = set(last) in TEXT_FIELDS and set(part) in TEXT_FIELDS
    return is_text and last.get("thought") == part.get("thought")


def as_chat_usage(usage: JsonObject) -> JsonObject:
    """Return the token usage as chat counts it."""
    prompt, total = (members.token_count(usage.get(name)) for name in ("promptTokenCount", "totalTokenCount"))
    return {"prompt_tokens": prompt, "completion_tokens": max(0, total - prompt)}
