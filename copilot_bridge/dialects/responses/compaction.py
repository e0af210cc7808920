"""Compaction: a conversation becomes a summary, which the client sends in its place from then on.

OpenAI's compaction item is encrypted, and only OpenAI can read it.  The bridge has the model itself write the
summary, and encodes it in the item; in a later request the item becomes a message with the summary, so that
every model can continue.

https://platform.openai.com/docs/api-reference/responses/compact
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ReceivedResponse, ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.call_kinds import COMPACTION
from copilot_bridge.dialects.client_request import NormalizedResponse, ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.filtered import StreamConverter
from copilot_bridge.dialects.framing.frames import FrameWriter
from copilot_bridge.dialects.request_body import read_body
from copilot_bridge.dialects.responses import request
from copilot_bridge.dialects.responses.client_request import ResponsesRequest, ResponsesResponse
from copilot_bridge.dialects.responses.compaction_items import compaction_item, is_opened
from copilot_bridge.dialects.responses.item_lists import shown_items
from copilot_bridge.dialects.responses.response import ResponsesAccumulator
from copilot_bridge.dialects.validation import OBJECT, STRING, Validator, both, object_of, validate
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported, UpstreamRefused

PROMPT = (
    "Write a summary of this conversation for a model that will continue it and sees nothing else of it: "
    "what the user wants, what was decided and why, what has been done and found out, with names, paths, "
    "numbers and exact wording where they matter, what failed, and what comes next. Answer with the summary "
    "alone."
)
ASKED: JsonObject = {"type": "message", "role": "user", "content": PROMPT}

# The documented fields, and those that Codex sends besides: its tools, because they begin a prompt that is
# cached, with its reasoning and verbosity.
CARRIED = frozenset({
    "model", "input", "instructions", "previous_response_id", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "service_tier", "image", "tools", "parallel_tool_calls", "reasoning", "text",
})  # fmt: skip
# Fields about the caller, which change nothing about a response.
ABOUT_CALLER = frozenset({"client_metadata", "metadata", "safety_identifier", "user"})
# Fields of `POST /responses` with the values that change nothing about a summary.  All others are refused.
WITHOUT_EFFECT: Mapping[str, tuple[object, ...]] = {
    "stream": (False,),
    "background": (False,),
    "store": (False,),
    "tool_choice": ("auto", "none"),
    "truncation": ("disabled",),
    "include": ([], ["reasoning.encrypted_content"]),
}


def check_text_format(where: str, value: JsonObject) -> None:
    if value["type"] != "text":
        raise Unsupported(f"{where}: a summary is text", param=where)


TEXT = object_of(
    optional={"format": both(object_of({"type": STRING}), Validator(check_text_format, OBJECT.schema))}
)


def read_fields(given: JsonObject) -> JsonObject:
    """Return the fields that are set.

    :raises InvalidRequest, Unsupported: one of them can't be carried; the error names it.
    """
    body = {name: value for name, value in given.items() if value is not None}
    for name in body.keys() - CARRIED:
        if body.pop(name) not in WITHOUT_EFFECT.get(name, ()) and name not in ABOUT_CALLER:
            raise Unsupported(f"{name}: a compaction has no such setting", param=name)
    validate({"text": TEXT}, body)
    return body


class CompactionRequest(ResponsesRequest):
    """The body of `POST /responses/compact`."""

    call_kind = COMPACTION

    @classmethod
    def read(cls, data: bytes) -> "CompactionRequest":
        body = read_fields(read_body(data))
        if not body.get("input") and "previous_response_id" not in body:
            raise InvalidRequest("input: expected the items of a conversation", param="input")
        body["input"] = body.get("input") or [ASKED]
        request.check(body)
        # A call in place of the summary would be worth nothing.
        choice = {"tool_choice": "none"} if body.get("tools") else {}
        return cls({**body, "input": [*request.as_items(body["input"]), ASKED], "store": False, **choice})

    def response(self, options: ResponseOptions) -> "CompactionResponse":  # type: ignore[override]
        user_items = [
            item for item in request.items(self.body) if item.get("role") == "user" and item != ASKED
        ]
        return CompactionResponse(
            super().response(options), [item for item in user_items if not is_opened(item)]
        )


@dataclass(frozen=True, slots=True)
class CompactionResponse(NormalizedResponse):
    """Makes the items that replace a conversation.

    :param plain: makes the response with the summary.
    :param user_items: what the user has said, which stays as it was.
    """

    plain: ResponsesResponse
    user_items: list[JsonObject]

    def normalizer(self) -> StreamConverter:
        return self.plain.normalizer()

    def writer(self) -> FrameWriter:
        return self.plain.writer()

    def accumulator(self) -> ResponseAccumulator:
        return CompactionAccumulator(self._compacted)

    def normalize(self, received: ReceivedResponse) -> WholeResponse:
        whole, usage = self.plain.normalize(received)
        return self._compacted(codec.read(whole)), usage

    def failed_stream(self, error: BridgeError) -> bytes:
        return self.plain.failed_stream(error)

    def _compacted(self, response: JsonObject) -> bytes:
        """Write the items.

        :raises UpstreamRefused: there is no whole summary.
        """
        if response.get("status") == "incomplete":
            raise UpstreamRefused("the model did not finish the summary of the conversation")
        summary = text_of(response.get("output") or ())
        if not summary:
            raise UpstreamRefused("the model wrote no summary of the conversation")
        items = [*self.user_items, compaction_item(summary)]
        return codec.write(
            {
                "id": response.get("id"),
                "object": "response.compaction",
                "created_at": response.get("created_at"),
                "output": shown_items(f"{response.get('id')} compaction", items),
                "usage": response.get("usage"),
            }
        )


class CompactionAccumulator(ResponsesAccumulator):
    """Waits for the whole response, and writes the items."""

    def __init__(self, write: Callable[[JsonObject], bytes]) -> None:
        super().__init__()
        self._write = write

    def result(self) -> WholeResponse:
        whole, usage = super().result()
        return self._write(codec.read(whole)), usage


def text_of(output: Iterable[JsonObject]) -> str:
    parts = (part for item in output if item.get("type") == "message" for part in item.get("content") or ())
    return "".join(str(part.get("text") or "") for part in parts).strip()
