"""The responses surface: items with events around them.

An item has another id in each event; only that of `output_item.done` is genuine.  The summary of the
reasoning comes in `output_item.done` alone.  Sources: recordings of proxies, public issues on changing ids.
"""

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from time import time
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.directives import Asked
from copilot_bridge.simulator.model_response import THOUGHT, Call, ModelResponse, cost, words
from copilot_bridge.simulator.web import search

FRAGMENT = 12  # characters of a tool call's arguments in one delta
ID_BYTES = 299  # 400 characters, with one = at the end
SUMMARY = f"**Answering**\n\n{THOUGHT}"
PHASED = ("gpt-5.3", "gpt-5.4")  # families that name the phase of a message

Event = dict[str, Any]
Give = Callable[[str, bool], None]
"""Remembers a text that is given away: an id, or (True) something encrypted."""

Events = Iterator[Event]

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Reasons by our finish; every other finish is a completed response."""


def opaque() -> str:
    return base64.b64encode(secrets.token_bytes(ID_BYTES)).decode()


def encrypted() -> str:
    return f"gAAAAAB{secrets.token_urlsafe(240)}"


class ResponsesWording:
    """One response.  `give` gets what the client may bring back."""

    def __init__(
        self,
        model_response: ModelResponse,
        row: Row,
        body: Mapping[str, Any],
        asked: Asked,
        give: Callable[[str, bool], None],
    ) -> None:
        self._model_response = model_response
        self._row = row
        self._body = body
        self._asked = asked
        self._give = give
        self._created = int(time())
        self._items = self._make_items()

    def whole(self) -> Event:
        if "failed" in self._asked:
            return self._response("failed", error=FAILURE) | {"output_text": None}
        return self._ended(self._items) | {"output_text": None}

    def events(self) -> list[Event]:
        """All events, numbered."""
        found = [*self._opening(), *self._middle()]
        for name, last in (("failed", self._failed), ("error-in-stream", self._error)):
            if name in self._asked:
                found = [*up_to_first_delta(found), last()]
                break
        else:
            found.append(self._terminal())
        return [event | {"sequence_number": number} for number, event in enumerate(found)]

    # items

    def _make_items(self) -> list[Event]:
        """The finished items, with their genuine ids."""
        spoken = (*self._message(), *map(self._call, self._model_response.calls))
        items = [*self._reasoning(), *self._search(), *spoken]
        if self._model_response.finish in INCOMPLETE and "status" in items[-1]:
            items[-1]["status"] = "incomplete"
        return items

    def _reasoning(self) -> Iterator[Event]:
        asked = self._body.get("reasoning") or {}
        thinks = self._row["id"].startswith("gpt-5") and asked.get("effort") != "none"
        if not thinks and "think" not in self._asked and "late-summary" not in self._asked:
            return
        summarized = asked.get("summary") or "think" in self._asked or "late-summary" in self._asked
        item: Event = {
            "id": self._genuine(),
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": SUMMARY}] if summarized else [],
        }
        if "reasoning.encrypted_content" in (self._body.get("include") or ()):
            item["encrypted_content"] = encrypted()
            self._give(item["encrypted_content"], True)
        yield item

    def _search(self) -> Iterator[Event]:
        if query := self._model_response.searched:
            action: Event = {"type": "search", "query": query, "queries": [query]}
            if "web_search_call.action.sources" in (self._body.get("include") or ()):
                action["sources"] = [{"type": "url", "url": page.url} for page in search(query)]
            yield {
                "id": self._genuine(),
                "type": "web_search_call",
                "status": "completed",
                "action": action,
            }

    def _message(self) -> Iterator[Event]:
        model_response = self._model_response
        if not model_response.text and model_response.calls:
            return
        item: Event = {
            "id": self._genuine(),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [self._part(model_response.text)],
        }
        if self._row["id"].startswith(PHASED):
            item["phase"] = "commentary" if model_response.calls else "final_answer"
        yield item

    def _part(self, text: str) -> Event:
        if self._model_response.finish == "refusal":
            return {"type": "refusal", "refusal": text}
        annotations = [*self._model_response.annotations]
        return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}

    def _call(self, call: Call) -> Event:
        return {
            "id": self._genuine(),
            "type": "custom_tool_call" if call.custom else "function_call",
            "status": "completed",
            "call_id": f"call_{call.id}",
            "name": call.name,
            ARGUMENTS[call.custom]: call.arguments,
        } | ({"namespace": call.namespace} if call.namespace else {})

    def _genuine(self) -> str:
        made = opaque()
        self._give(made, False)
        return made

    # the response

    def _response(self, status: str, **more: Any) -> Event:
        """The object around the items."""
        body = self._body
        found = {
            "created_at": self._created,
            "id": opaque(),
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "model": self._row["id"],
            "object": "response",
            "output": [],
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "reasoning": {"effort": "medium", "summary": None} | (body.get("reasoning") or {}),
            "safety_identifier": body.get("safety_identifier"),
            "service_tier": "default",
            "status": status,
            "temperature": 1,
            "text": {"format": {"type": "text"}, "verbosity": "medium"} | (body.get("text") or {}),
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": [strictly(tool) for tool in body.get("tools") or ()],
            "top_p": 0.98,
            "truncation": body.get("truncation", "disabled"),
            "usage": None,
        }
        return found | more

    def _ended(self, items: list[Event]) -> Event:
        usage = self._model_response.usage
        assert usage is not None, "no directive of this surface takes it away"
        reason = INCOMPLETE.get(self._model_response.finish or "")
        return self._response(
            "incomplete" if reason else "completed",
            incomplete_details={"reason": reason} if reason else None,
            output=items,
            usage={
                "input_tokens": usage.prompt_tokens,
                "input_tokens_details": {"cached_tokens": usage.cached_tokens},
                "output_tokens": usage.completion_tokens,
                "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
                "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            },
            copilot_usage=cost(self._row, usage),
        )

    # events

    def _opening(self) -> Events:
        for kind in ("response.created", "response.in_progress"):
            yield {"type": kind, "response": self._response("in_progress")}

    def _terminal(self) -> Event:
        response = self._ended([item | {"id": opaque()} for item in self._items])
        return {"type": f"response.{response['status']}", "response": response}

    def _failed(self) -> Event:
        return {"type": "response.failed", "response": self._response("failed", error=FAILURE)}

    def _error(self) -> Event:
        code = self._asked.get("error-in-stream", "code") or FAILURE["code"]
        return {"type": "error", "code": code, "message": FAILURE["message"], "param": None}

    def _middle(self) -> Events:
        for index, item in enumerate(self._items):
            indices = {"output_index": index}
            yield {"type": "response.output_item.added", **indices, "item": self._emptied(item)}
            yield from self._WITHIN[item["type"]](self, indices, item)
            yield {"type": "response.output_item.done", **indices, "item": item}

    def _emptied(self, item: Event) -> Event:
        """The item as it begins."""
        begun = {name: value for name, value in EMPTY.items() if name in item}
        return item | begun | {"id": opaque()}

    def _thought(self, indices: Event, item: Event) -> Events:
        if "late-summary" not in self._asked:
            return
        indices = indices | {"summary_index": 0}
        kind = "response.reasoning_summary_"
        part = {"type": "summary_text", "text": ""}
        yield {"type": f"{kind}part.added", "item_id": opaque(), **indices, "part": part}
        yield from self._deltas(f"{kind}text", indices, words(SUMMARY))
        yield {"type": f"{kind}text.done", "item_id": opaque(), **indices, "text": SUMMARY}
        yield {"type": f"{kind}part.done", "item_id": opaque(), **indices, "part": item["summary"][0]}

    def _said(self, indices: Event, item: Event) -> Events:
        indices = indices | {"content_index": 0}
        [part] = item["content"]
        field = "refusal" if part["type"] == "refusal" else "text"
        kind = "response.refusal" if field == "refusal" else "response.output_text"
        more: Event = {} if field == "refusal" else {"logprobs": []}
        empty = part | {field: ""} | ({"annotations": []} if field == "text" else {})
        yield {"type": "response.content_part.added", "item_id": opaque(), **indices, "part": empty}
        yield from self._deltas(kind, indices, self._model_response.fragments(), **more)
        for number, annotation in enumerate(part.get("annotations") or ()):
            fields = {"annotation_index": number, "annotation": annotation}
            yield {"type": f"{kind}.annotation.added", "item_id": opaque(), **indices, **fields}
        yield {"type": f"{kind}.done", "item_id": opaque(), **indices, field: part[field], **more}
        yield {"type": "response.content_part.done", "item_id": opaque(), **indices, "part": part}

    def _searched(self, indices: Event, _item: Event) -> Events:
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.web_search_call.{step}", "item_id": opaque(), **indices}

    def _called(self, indices: Event, item: Event) -> Events:
        custom = item["type"] == "custom_tool_call"
        field = ARGUMENTS[custom]
        kind = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
        if "deltas-missing" not in self._asked:
            yield from self._deltas(kind, indices, fragments(item[field]))
        yield {"type": f"{kind}.done", "item_id": opaque(), **indices, field: item[field]}

    def _deltas(self, kind: str, indices: Event, parts: list[str], **more: Any) -> Events:
        for part in parts:
            yield {
                "type": f"{kind}.delta",
                "item_id": opaque(),
                **indices,
                "delta": part,
                **more,
                "obfuscation": secrets.token_urlsafe(12)[: 4 + secrets.randbelow(12)],
            }

    _WITHIN: Mapping[str, Callable[["ResponsesWording", Event, Event], Events]] = {
        "reasoning": _thought,
        "message": _said,
        "web_search_call": _searched,
        "function_call": _called,
        "custom_tool_call": _called,
    }


ARGUMENTS = {False: "arguments", True: "input"}
EMPTY = {
    "summary": [],
    "encrypted_content": "",
    "status": "in_progress",
    "content": [],
    "arguments": "",
    "input": "",
}
FAILURE = {"code": "server_error", "message": "The simulator was asked to break this response."}


def up_to_first_delta(events: list[Event]) -> list[Event]:
    """A response without deltas ends before its last event."""
    for index, event in enumerate(events):
        if event["type"].endswith(".delta"):
            return events[: index + 1]
    return events[:-1]


def strictly(tool: Event) -> Event:
    """A function without `strict` is returned as a strict one."""
    if tool.get("type") != "function" or "strict" in tool:
        return tool
    parameters = (tool.get("parameters") or {}) | {"additionalProperties": False}
    return tool | {"strict": True, "parameters": parameters}


def fragments(arguments: str) -> list[str]:
    return [arguments[start : start + FRAGMENT] for start in range(0, len(arguments), FRAGMENT)]
