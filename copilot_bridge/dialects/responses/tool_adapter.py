"""Tools that upstream takes under another name or in another form alone, and their calls as clients do.

Namespaces that upstream has reserved get another name; free-form tools become functions with one text, where
a model takes no others.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.custom_tools import FREE_TEXT
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses.framing import FRAMING

RESERVED_ALIAS = "client_{}"  # what a reserved namespace is called
ARGUMENTS = "response.function_call_arguments."
INPUT = "response.custom_tool_call_input."

CALLS = {"custom_tool_call": "function_call", "custom_tool_call_output": "function_call_output"}

# What a block of a stream has to have in it to be of interest here.
MARKS = (b"function_call", b'"namespace"', b'"tools"')


class ToolAdapter:
    """Of one request and its answer: `put_on` for the one, the rest for the other.

    :param reserved: namespaces that upstream keeps for itself.  :param free: it takes free-form tools.
    """

    def __init__(self, reserved: tuple[str, ...], *, free: bool) -> None:
        self._reserved = {name: RESERVED_ALIAS.format(name) for name in reserved}
        self._names = {new: name for name, new in self._reserved.items()}
        self._free = free
        self._customs: set[Any] = set()  # names of free-form tools
        self._tools: Any = None  # as the client offers them
        self._splitter = sse.Splitter()
        self._number = 0  # of the next event
        self._open: set[Any] = set()  # places of calls whose arguments are coming

    # The request.

    def adapt_request(self, body: JsonObject) -> bool:
        """True if anything had to change."""
        items = body["input"] if isinstance(body["input"], list) else []
        holders = [holder for holder in (body, *items) if isinstance(holder.get("tools"), list)]
        given = body.get("tools")
        changes = [self._adapt_tools(holder) for holder in holders]
        changes += [self._adapt_item(item) for item in items]
        changes.append(self._adapt_choice(body.get("tool_choice")))
        self._tools = given if any(changes) else None
        return any(changes)

    def _adapt_tools(self, holder: JsonObject) -> bool:
        given = holder["tools"]
        holder["tools"] = [self._adapted(tool) if isinstance(tool, dict) else tool for tool in given]
        return bool(holder["tools"] != given)

    def _adapted(self, tool: JsonObject) -> JsonObject:
        if tool.get("type") == "namespace":
            return self._adapted_namespace(tool)
        if tool.get("type") != "custom" or self._free:
            return tool
        self._customs.add(tool.get("name"))
        return {
            "type": "function",
            "name": tool.get("name"),
            "description": described(tool),
            "parameters": FREE_TEXT,
            "strict": False,
        }

    def _adapted_namespace(self, tool: JsonObject) -> JsonObject:
        """Upstream refuses an empty description."""
        name = str(tool.get("name"))
        adapted = tool | {"name": self._reserved[name]} if name in self._reserved else dict(tool)
        if isinstance(tool.get("tools"), list):
            self._adapt_tools(adapted)
        if tool.get("description") == "":
            adapted["description"] = name
        return adapted

    def _adapt_item(self, item: JsonObject) -> bool:
        changed = self._rename(item)
        kind = CALLS.get(str(item.get("type"))) if not self._free else None
        if kind is None:
            return changed
        item["type"] = kind
        if "input" in item:
            item["arguments"] = codec.write({"input": item.pop("input")}).decode()
        return True

    def _rename(self, holder: JsonObject) -> bool:
        name = holder.get("namespace")
        if not isinstance(name, str) or name not in self._reserved:
            return False
        holder["namespace"] = self._reserved[name]
        return True

    def _adapt_choice(self, choice: Any) -> bool:
        if not isinstance(choice, dict):
            return False
        inner = choice.get("tools")
        changes = [self._adapt_choice(each) for each in inner] if isinstance(inner, list) else []
        changes.append(self._rename(choice))
        if not self._free and choice.get("type") == "custom":
            choice["type"] = "function"
            changes.append(True)
        return any(changes)

    # Its answer.

    def feed(self, piece: bytes) -> bytes:
        return b"".join(map(self._block, self._splitter.feed(piece)))

    def rest(self) -> bytes:
        left = self._splitter.rest()
        return self._block(left) if left else b""

    def whole(self, data: bytes) -> bytes:
        """The same for an answer in one piece."""
        response = codec.read_object(data)
        return data if response is None else codec.write(self._restored_response(response))

    def _block(self, block: bytes) -> bytes:
        plain = not self._customs and not any(mark in block for mark in MARKS)
        event = None if plain else codec.read_object(sse.read_data(block))
        if event is None:
            return block + b"\n\n"
        take = self._HANDLERS.get(str(event.get("type")), ToolAdapter._other)
        return FRAMING.encode([(str(each.get("type")), self._numbered(each)) for each in take(self, event)])

    def _numbered(self, event: JsonObject) -> JsonObject:
        """Anew, where calls have other events than upstream's."""
        if not self._customs or "sequence_number" not in event:
            return event
        self._number += 1
        return event | {"sequence_number": self._number - 1}

    def _item(self, event: JsonObject) -> Iterator[JsonObject]:
        item = event.get("item")
        if isinstance(item, dict):
            event["item"] = self._restored(item)
            if event["item"].get("type") == "custom_tool_call" and item["type"] == "function_call":
                self._open.add(event.get("output_index"))
        yield event

    def _delta(self, event: JsonObject) -> Iterator[JsonObject]:
        """JSON by the piece says nothing of the text in it."""
        if event.get("output_index") not in self._open:
            yield event

    def _arguments(self, event: JsonObject) -> Iterator[JsonObject]:
        if event.get("output_index") not in self._open:
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
        if item.get("type") != "function_call" or item.get("name") not in self._customs:
            return item
        plain = {key: value for key, value in item.items() if key != "arguments"}
        return plain | {"type": "custom_tool_call", "input": text_in(item.get("arguments"))}

    _HANDLERS: ClassVar[dict[str, Callable[[Any, JsonObject], Iterator[JsonObject]]]] = {
        "response.output_item.added": _item,
        "response.output_item.done": _item,
        f"{ARGUMENTS}delta": _delta,
        f"{ARGUMENTS}done": _arguments,
    }


def described(tool: JsonObject) -> str:
    """A grammar that the input has to follow can only be told."""
    form = tool.get("format")
    definition = form.get("definition") if isinstance(form, dict) else None
    grammar = f"\n\nThe input has to follow this grammar:\n{definition}" if definition else ""
    return f"{tool.get('description') or ''}{grammar}"


def text_in(arguments: Any) -> str:
    """The text that was to be the only argument; what is said otherwise as it is."""
    given = codec.read_object(str(arguments or "").encode())
    text = given.get("input") if given else None
    return text if isinstance(text, str) else str(arguments or "")
