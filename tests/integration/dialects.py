"""The APIs as their clients know them: the same said in each, and what each takes for a good end,
for a bad end, and for an error."""

import json
from abc import ABC, abstractmethod
from typing import Any

from integration.harness import Bridge, Frame, Json, ReceivedStream, Response, Stream

# How each model is reached by who speaks what: client's dialect, model, upstream's dialect.
CELLS = (
    ("chat", "gpt-4.1", "chat"),
    ("chat", "claude-sonnet-4.5", "chat"),
    ("chat", "gemini-3-pro-preview", "chat"),
    ("chat", "gpt-5.3-codex", "responses"),
    ("messages", "claude-sonnet-4.5", "messages"),
    ("messages", "gpt-5.3-codex", "responses"),
    ("messages", "gpt-4.1", "chat"),
    ("messages", "gemini-3-pro-preview", "chat"),
    ("responses", "gpt-5.3-codex", "responses"),
    ("responses", "claude-sonnet-4.5", "messages"),
    ("responses", "gpt-4.1", "chat"),
    ("responses", "gemini-3-pro-preview", "chat"),
)
ALL_CELLS = (
    *CELLS,
    ("gemini", "gemini-3-pro-preview", "chat"),
    ("gemini", "gpt-5.3-codex", "responses"),
    ("gemini", "claude-sonnet-4.5", "messages"),
    ("ollama", "gpt-4.1", "chat"),
    ("ollama", "gpt-5.3-codex", "responses"),
    ("ollama", "claude-sonnet-4.5", "messages"),
)
UPSTREAM_PATHS = {"chat": "/chat/completions", "messages": "/v1/messages", "responses": "/responses"}


def event_of(frame: Frame) -> Json:
    """An event whose name stands in the frame and in the data."""
    name, data = frame.raw.split(b"\n")
    event: Json = json.loads(data.removeprefix(b"data: "))
    assert name == b"event: " + event["type"].encode()
    return event


class Dialect(ABC):
    """:ivar limit: what the most tokens of a response are called.  :ivar media: the type of its streams."""

    name: str
    path: str
    limit: str
    media = "text/event-stream"

    @abstractmethod
    def body(self, user_text: Any, model: str, **more: Any) -> Json:
        """A request of one turn; `user_text` is a text, or parts of this dialect."""

    @abstractmethod
    def tool(self, name: str) -> Json:
        """One that takes a path."""

    @abstractmethod
    def text(self, response: Json) -> str:
        """Read a whole response."""

    @abstractmethod
    def well_ended(self, frames: list[Frame]) -> str:
        """The text of a stream, after a look at its end."""

    @abstractmethod
    def broken(self, frames: list[Frame]) -> Json:
        """The error at its end, after a look for signs of success: {"message", and "type" or "code"}."""

    @abstractmethod
    def error(self, response: Response) -> Json:
        """The error of a refusal, after a look at its form: {"type", "message", ...}."""

    def post(self, bridge: Bridge, body: Json, **headers: str) -> Response:
        return bridge.request("POST", self.path, body, headers)

    def ask(self, bridge: Bridge, body: Json, **headers: str) -> Stream:
        """A stream under way."""
        return bridge.dial("POST", self.path, json.dumps({**body, "stream": True}).encode(), headers)

    def frames(self, bridge: Bridge, user_text: Any, model: str, **more: Any) -> list[Frame]:
        """A stream, to its end."""
        stream = self.ask(bridge, self.body(user_text, model, **more))
        assert stream.status == 200, stream.response().body
        assert stream.headers["content-type"].startswith(self.media)
        frames = stream.all()
        stream.close()
        return frames


class Chat(Dialect):
    name, path, limit = "chat", "/v1/chat/completions", "max_tokens"

    def body(self, user_text: Any, model: str, **more: Any) -> Json:
        return {"model": model, "messages": [{"role": "user", "content": user_text}], **more}

    def tool(self, name: str) -> Json:
        return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}

    def text(self, response: Json) -> str:
        return str(response["choices"][0]["message"]["content"])

    def well_ended(self, frames: list[Frame]) -> str:
        received = ReceivedStream(frames)
        assert received.finish_reason
        return received.text

    def broken(self, frames: list[Frame]) -> Json:
        return ReceivedStream(frames).error

    def error(self, response: Response) -> Json:
        return response.error


class Messages(Dialect):
    name, path, limit = "messages", "/v1/messages", "max_tokens"

    def body(self, user_text: Any, model: str, **more: Any) -> Json:
        return {
            "model": model,
            "max_tokens": 500,
            "messages": [{"role": "user", "content": user_text}],
            **more,
        }

    def tool(self, name: str) -> Json:
        return {"name": name, "input_schema": SCHEMA}

    def text(self, response: Json) -> str:
        return "".join(block["text"] for block in response["content"] if block["type"] == "text")

    def events(self, frames: list[Frame]) -> list[Json]:
        """All but signs of life."""
        return [event for event in map(event_of, frames) if event["type"] != "ping"]

    def well_ended(self, frames: list[Frame]) -> str:
        events = self.events(frames)
        assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
        assert events[-2]["delta"]["stop_reason"]
        return "".join(event["delta"].get("text", "") for event in events if "delta" in event)

    def broken(self, frames: list[Frame]) -> Json:
        *before, last = self.events(frames)
        kinds = {event["type"] for event in before}
        assert not kinds & {"message_stop", "error"}, f"{kinds} say that all went well"
        assert (last["type"], last.keys()) == ("error", {"type", "error"})
        error: Json = last["error"]
        assert error.keys() == {"type", "message"}
        return error

    def error(self, response: Response) -> Json:
        assert response.headers["content-type"] == "application/json"
        assert response.json.keys() == {"type", "error", "request_id"}
        assert response.json["type"] == "error"
        error: Json = response.json["error"]
        assert error.keys() == {"type", "message"}
        assert error["message"]
        return error


class Responses(Dialect):
    name, path, limit = "responses", "/v1/responses", "max_output_tokens"

    def body(self, user_text: Any, model: str, **more: Any) -> Json:
        return {"model": model, "input": [{"role": "user", "content": user_text}], **more}

    def tool(self, name: str) -> Json:
        return {"type": "function", "name": name, "parameters": SCHEMA}

    def text(self, response: Json) -> str:
        items = [item for item in response["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in items for part in item["content"])

    def events(self, frames: list[Frame]) -> list[Json]:
        """All but signs of life; they are numbered."""
        events = [event_of(frame) for frame in frames if not frame.is_comment]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        return events

    def well_ended(self, frames: list[Frame]) -> str:
        *before, last = self.events(frames)
        assert last["type"] in GOOD_ENDS
        assert not {event["type"] for event in before} & ENDS
        return self.text(last["response"])

    def broken(self, frames: list[Frame]) -> Json:
        *before, last = self.events(frames)
        assert not {event["type"] for event in before} & ENDS
        assert last["type"] == "response.failed"
        assert last["response"]["status"] == "failed"
        error: Json = last["response"]["error"]
        assert error.keys() == {"code", "message"}
        return error

    def error(self, response: Response) -> Json:
        return response.error


class Gemini(Dialect):
    """Its requests name the model, and whether they stream, in their path."""

    name, path, limit = "gemini", "/v1beta/models/MODEL:generateContent", "maxOutputTokens"
    streamed = "/v1beta/models/MODEL:streamGenerateContent?alt=sse"

    def body(self, said: Any, model: str, **more: Any) -> Json:
        parts = [{"text": said}] if isinstance(said, str) else said
        config = {name: more.pop(name) for name in (self.limit,) if name in more}
        generation = {"generationConfig": config} if config else {}
        return {"model": model, "contents": [{"role": "user", "parts": parts}], **generation, **more}

    def tool(self, name: str) -> Json:
        return {"functionDeclarations": [{"name": name, "parameters": SCHEMA}]}

    def post(self, bridge: Bridge, body: Json, **headers: str) -> Response:
        path = self.streamed if body.get("stream") else self.path
        return bridge.request("POST", path.replace("MODEL", body["model"]), unnamed(body), headers)

    def ask(self, bridge: Bridge, body: Json, **headers: str) -> Stream:
        path = self.streamed.replace("MODEL", body["model"])
        return bridge.dial("POST", path, json.dumps(unnamed(body)).encode(), headers)

    def text(self, response: Json) -> str:
        parts = response["candidates"][0]["content"].get("parts", ())
        return "".join(part.get("text", "") for part in parts if not part.get("thought"))

    def well_ended(self, frames: list[Frame]) -> str:
        chunks = [frame.json for frame in frames if not frame.is_comment]
        reasons = [chunk["candidates"][0].get("finishReason") for chunk in chunks]
        assert reasons[-1]
        assert reasons[:-1] == [None] * (len(chunks) - 1)
        return "".join(map(self.text, chunks))

    def broken(self, frames: list[Frame]) -> Json:
        *before, last = [frame.json for frame in frames if not frame.is_comment]
        assert not any(chunk["candidates"][0].get("finishReason") for chunk in before)
        assert last.keys() == {"error"}
        error: Json = last["error"]
        return error | {"code": error["status"]}

    def error(self, response: Response) -> Json:
        assert response.headers["content-type"] == "application/json"
        assert response.json.keys() == {"error"}
        error: Json = response.json["error"]
        assert error["code"] == response.status
        assert error["message"]
        return error | {"type": error["status"]}


class Ollama(Dialect):
    """It streams unless a request says otherwise, and its errors are a text."""

    name, path, limit = "ollama", "/api/chat", "num_predict"
    media = "application/x-ndjson"

    def body(self, user_text: Any, model: str, **more: Any) -> Json:
        options = {name: more.pop(name) for name in (self.limit,) if name in more}
        messages = [{"role": "user", "content": user_text}]
        return {"model": model, "messages": messages, "options": options, "stream": False, **more}

    def tool(self, name: str) -> Json:
        return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}

    def text(self, response: Json) -> str:
        return str(response["message"]["content"])

    def well_ended(self, frames: list[Frame]) -> str:
        lines = [json.loads(frame.raw) for frame in frames]
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        assert lines[-1]["done_reason"]
        return "".join(map(self.text, lines))

    def broken(self, frames: list[Frame]) -> Json:
        *before, last = [json.loads(frame.raw) for frame in frames]
        assert not any(line["done"] for line in before)
        assert last.keys() == {"error"}
        return {"message": last["error"]}

    def error(self, response: Response) -> Json:
        assert response.headers["content-type"] == "application/json"
        assert response.json.keys() == {"error"}
        return {"message": response.json["error"], "type": None}


def unnamed(body: Json) -> Json:
    """The body without what its path says."""
    return {name: value for name, value in body.items() if name not in ("model", "stream")}


GOOD_ENDS = {"response.completed", "response.incomplete"}
ENDS = {*GOOD_ENDS, "response.failed", "response.cancelled", "error"}
SCHEMA: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}

CHAT, MESSAGES, RESPONSES, GEMINI, OLLAMA = Chat(), Messages(), Responses(), Gemini(), Ollama()
# Those whose errors have OpenAI's or Anthropic's types, and whose model is in the body.
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (CHAT, MESSAGES, RESPONSES)}
ALL_DIALECTS = DIALECTS | {dialect.name: dialect for dialect in (GEMINI, OLLAMA)}


def models(client: str, *upstreams: str) -> list[str]:
    """Those that clients of this dialect are tried with, each reached in another way; or by these ways."""
    return [model for cell, model, way in CELLS if cell == client and (not upstreams or way in upstreams)]
