"""Digests of the parts of a prompt that a model may find in its cache, read from a body for Copilot.

They follow what the model sees: neither breakpoints, which clients move from message to message, nor the form
of a text, alone or as a list of parts, change a digest.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from xxhash import xxh3_64_intdigest

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject

MARKS = frozenset(("cache_control", "copilot_cache_control"))
SYSTEM_ROLES = ("system", "developer")
# Fields that hold parts, or texts that may be long.
INNER = ("content", "output", "image_url", "source", "file", "input_audio")
MAX_DEPTH = 8  # of parts in parts: a tool's result in a message has text parts

# A longer text is fed as its length and its XXH3, which takes a hundredth of the time.  A digest needs no
# more: it is compared with a few others of the same conversation, and is keyed whatever is fed.
LONG = 4096  # characters
# Pictures and documents in base64 are compressed: if one differs, so does its beginning or its end.
ENCODED = re.compile(r"(?:data:[\w/+.;=-]{0,100},)?[A-Za-z0-9+/]{4096}")
ENDS = 4096  # characters

NewHash = Callable[[], Any]
"""Begins a keyed hash, as of `hashlib`."""


class PromptFields(NamedTuple):
    """The fields of an API's body that make up the prompt.  :param system: "": it is among the messages."""

    messages: str
    tools: str = "tools"
    system: str = ""


Digests = tuple[bytes, bytes, bytes, bool]
"""The digests of each tool, of the system prompt and of each message, and whether any part has a breakpoint.

Those of the tools are one after the other, and so are those of the messages.
"""


class Digester:
    """Makes the digests of one prompt."""

    def __init__(self, new_hash: NewHash) -> None:
        self._new_hash = new_hash
        self._marked = False

    def digests(self, body: JsonObject, fields: PromptFields) -> Digests:
        given = body.get(fields.messages)
        messages = given if isinstance(given, list) else [given]
        start = next((at for at, message in enumerate(messages) if not is_system(message)), len(messages))
        system = self._digest([body.get(fields.system), *messages[:start]]) if start or fields.system else b""
        tools, messages_ = self._each(body.get(fields.tools) or ()), self._each(messages[start:])
        return tools, system, messages_, self._marked

    def _each(self, parts: Iterable[Any]) -> bytes:
        return b"".join([self._digest(part) for part in parts])

    def _digest(self, part: Any) -> bytes:
        found = self._new_hash()
        self._feed(part, found.update, MAX_DEPTH)
        digest: bytes = found.digest()
        return digest

    def _feed(self, part: Any, update: Callable[[bytes], None], depth: int) -> None:
        """Feed a part: long texts as they are, which is several times as fast as writing JSON."""
        if isinstance(part, str):
            update(brief(part))
        elif isinstance(part, list) and depth:
            for entry in part:
                self._feed(entry, update, depth - 1)
        elif isinstance(part, dict) and depth:
            self._feed_fields(part, update, depth - 1)
        elif part is not None:
            update(codec.write(part))

    def _feed_fields(self, fields: JsonObject, update: Callable[[bytes], None], depth: int) -> None:
        if fields.get("type") == "text" and isinstance(fields.get("text"), str):
            fields = {name: fields[name] for name in fields if name in MARKS or name == "text"}
        for name, value in fields.items():
            if name in MARKS:
                self._marked = True
            elif name == "text" and isinstance(value, str):
                self._feed(value, update, depth)
            elif isinstance(value, str) or name in INNER:
                update(name.encode("utf-8", "surrogatepass"))
                self._feed(value, update, depth)
            else:
                update(codec.write([name, value]))


def brief(text: str) -> bytes:
    """A text, or what identifies a long one."""
    if len(text) <= LONG:
        return text.encode("utf-8", "surrogatepass")
    if len(text) > 4 * ENDS and ENCODED.match(text):
        return f"{len(text)} {text[:ENDS]}{text[-ENDS:]}".encode("utf-8", "surrogatepass")
    return b"%d %d" % (len(text), xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")))


def is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in SYSTEM_ROLES
