"""Adaptation of tools that upstream takes only under another name or in another form.

Namespaces that upstream reserves get another name.  Free-form tools become functions with one string for
models that take only functions.  Calls in the response are changed back.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.dialects.adaptation.custom_tools import FREE_TEXT
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses.framing import FRAMING

RESERVED_ALIAS = "client_{}"  # the name of a reserved namespace
ARGUMENTS = "response.function_call_arguments."
INPUT = "response.custom_tool_call_input."

FUNCTION_TYPE = {"custom_tool_call": "function_call", "custom_tool_call_output": "function_call_output"}

# Only blocks with one of these are parsed.
RELEVANT = (b"function_call", b'"namespace"', b'"tools"')


class ToolAdapter:
    """Adapts the tools of one request, and restores the calls of its response.

    :param reserved: namespaces that upstream reserves.
    :param free: whether upstream takes free-form tools.
    """

    def __init__(self, reserved: tuple[str, ...], *, free: bool) -> None:
        self._reserved = {name: RESERVED_ALIAS.format(name) for name in reserved}
        self._names = {new: name for name, new in self._reserved.items()}
        self._takes_custom_tools = free
        self._custom_names: set[Any] = set()  # names of free-form tools
        self._tools: Any = None  # the client's list of tools
        self._splitter = sse.Splitter()
        self._sequence_number = 0  # of the next event
        self._open_calls: set[Any] = set()  # indexes of calls whose arguments are coming

    # The request.

    def adapt_request(self, body: JsonObject) -> bool:
        """Adapt a request.  Returns whether anything had to change."""
        items = body["input"] if isinstance(body["input"], list) else []
        holders = [holder for holder in (body, *items) if isinstance(holder.get("tools"), list)]
        original = body.get("tools")
        changes = [self._adapt_tools(holder) for holder in holders]
        changes += [self._adapt_item(item) for item in items]
        changes.append(self._adapt_choice(body.get("tool_choice")))
        self._tools = original if any(changes) else None
        return any(changes)

    def _adapt_tools(self, holder: JsonObject) -> bool:
        original = holder["tools"]
        holder["tools"] = [self._adapted(tool) if isinstance(tool, dict) else tool for tool in original]
        return bool(holder["tools"] != original)

    def _adapted(self, tool: JsonObject) -> JsonObject:
        if tool.get("type") == "namespace":
            return self._adapted_namespace(tool)
        if tool.get("type") != "custom" or self._takes_custom_tools:
            return tool
        self._custom_names.add(tool.get("name"))
        return {
            "type": "function",
            "name": tool.get("name"),
            "description": description_with_grammar(tool),
            "parameters": FREE_TEXT,
            "strict": False,
        }

    def _adapted_namespace(self, tool: JsonObject) -> JsonObject:
        """Rename a reserved namespace, and give one without a description its name.

        Upstream refuses an empty description.
        """
        name = str(tool.get("name"))
        adapted = tool | {"name": self._reserved[name]} if name in self._reserved else dict(tool)
        if isinstance(tool.get("tools"), list):
            self._adapt_tools(adapted)
        if tool.get("description") == "":
            adapted["description"] = name
        return adapted

    def _adapt_item(self, item: JsonObject) -> bool:
        changed = self._rename_namespace(item)
        kind = FUNCTION_TYPE.get(str(item.get("type"))) if not self._takes_custom_tools else None
        if kind is None:
            return changed
        item["type"] = kind
        if "input" in item:
            item["arguments"] = codec.write({"input": item.pop("input")}).decode()
        return True

    def _rename_namespace(self, holder: JsonObject) -> bool:
        name = holder.get("namespace")
        if not isinstance(name, str) or name not in self._reserved:
            return False
        holder["namespace"] = self._reserved[name]
        return True

    def _adapt_choice(self, choice: Any) -> bool:
        if not isinstance(choice, dict):
            return False
        tools = choice.get("tools")
        changes = [self._adapt_choice(tool) for tool in tools] if isinstance(tools, list) else []
        changes.append(self._rename_namespace(choice))
        if not self._takes_custom_tools and choice.get("type") == "custom":
            choice["type"] = "function"
            changes.append(True)
        return any(changes)

    # The response.

    def feed(self, piece: bytes) -> bytes:
        return b"".join(map(self._block, self._splitter.feed(piece)))

    def rest(self) -> bytes:
        left = self._splitter.rest()
        return self._block(left) if left else b""

    def whole(self, received: ReceivedResponse) -> ReceivedResponse:
        """Restore a whole response."""
        if received.body is None:
            return received
        restored = self._restored_response(received.body)
        return ReceivedResponse(codec.write(restored), restored)

    def _block(self, block: bytes) -> bytes:
        is_irrelevant = not self._custom_names and not any(pattern in block for pattern in RELEVANT)
        event = None if is_irrelevant else codec.read_object(sse.read_data(block))
        if event is None:
            return block + b"\n\n"
        handle = self._HANDLERS.get(str(event.get("type")), ToolAdapter._other)
        return FRAMING.encode(
            [(str(restored.get("type")), self._numbered(restored)) for restored in handle(self, event)]
        )

    def _numbered(self, event: JsonObject) -> JsonObject:
        """Renumber an event if calls have other events than upstream's."""
        if not self._custom_names or "sequence_number" not in event:
            return event
        self._sequence_number += 1
        return event | {"sequence_number": self._sequence_number - 1}

    def _item(self, event: JsonObject) -> Iterator[JsonObject]:
        item = event.get("item")
        if isinstance(item, dict):
            event["item"] = self._restored(item)
            if event["item"].get("type") == "custom_tool_call" and item["type"] == "function_call":
                self._open_calls.add(event.get("output_index"))
        yield event

    def _delta(self, event: JsonObject) -> Iterator[JsonObject]:
        """Drop the deltas of a free-form call, since the text can't be read from a piece of JSON."""
        if event.get("output_index") not in self._open_calls:
            yield event

    def _arguments(self, event: JsonObject) -> Iterator[JsonObject]:
        if event.get("output_index") not in self._open_calls:
            yield event
            return
        text = text_in(event.pop("arguments", ""))
        event.pop("name", None)
        yield event | {"type": f"{INPUT}delta", "delta": text}
        yield event | {"type": f"{INPUT}done", "input": text}

    def _other(self, event: JsonObject) -> Iterator[JsonObject]:
        if isinstance(event.get("response"), dict):
            event["response"] = self._restored_response(event["response"])
        yield event

    def _restored_response(self, response: JsonObject) -> JsonObject:
        output = response.get("output")
        if isinstance(output, list):
            response["output"] = [self._restored(item) if isinstance(item, dict) else item for item in output]
        if self._tools is not None and "tools" in response:
            response["tools"] = self._tools
        return response

    def _restored(self, item: JsonObject) -> JsonObject:
        name = item.get("namespace")
        if isinstance(name, str) and name in self._names:
            item = item | {"namespace": self._names[name]}
        if item.get("type") != "function_call" or item.get("name") not in self._custom_names:
            return item
        others = {key: value for key, value in item.items() if key != "arguments"}
        return others | {"type": "custom_tool_call", "input": text_in(item.get("arguments"))}

    _HANDLERS: ClassVar[dict[str, Callable[[Any, JsonObject], Iterator[JsonObject]]]] = {
        "response.output_item.added": _item,
        "response.output_item.done": _item,
        f"{ARGUMENTS}delta": _delta,
        f"{ARGUMENTS}done": _arguments,
    }


def description_with_grammar(tool: JsonObject) -> str:
    """Return a tool's description with the grammar that its input has to follow."""
    format_ = tool.get("format")
    definition = format_.get("definition") if isinstance(format_, dict) else None
    grammar = f"\n\nThe input has to follow this grammar:\n{definition}" if definition else ""
    return f"{tool.get('description') or ''}{grammar}"


def text_in(arguments: Any) -> str:
    """Return the only argument of a free-form call.

    If the model wrote the arguments differently, they are returned as they are.
    """
    parsed = codec.read_object(str(arguments or "").encode())
    text = parsed.get("input") if parsed else None
    return text if isinstance(text, str) else str(arguments or "")
