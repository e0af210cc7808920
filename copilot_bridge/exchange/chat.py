"""A Chat Completions request on its way to Copilot, and its answer on the way back."""

import base64
import time
from collections.abc import Iterator
from contextlib import closing

import orjson
import requests
from urllib3.exceptions import HTTPError

from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.dialects.chat.repair import Mender, Repair
from copilot_bridge.dialects.chat.reply import fold, mend_whole
from copilot_bridge.errors import Unsupported
from copilot_bridge.exchange.bridge import Bridge
from copilot_bridge.logs import Record
from copilot_bridge.upstream.client import broken_off, finish, read_whole
from copilot_bridge.upstream.models import Model
from copilot_bridge.upstream.refusals import NEW_SESSION, forwarded

PATH = "/chat/completions"

PIECE = 65536

# Where the catalogue does not say what images a model takes.
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
IMAGE_BYTES = 3_145_728


class ChatRequest:
    """POST /chat/completions.  `streaming`: the client wants events.

    :param data: the body as it came; it is sent on as it is where nothing in it has to change.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    dialect = "chat"

    def __init__(self, bridge: Bridge, record: Record, data: bytes) -> None:
        self._bridge = bridge
        self._record = record
        self._data = data
        self._body = chat.read(data)
        self._wants_usage = chat.wants_usage(self._body)
        self.streaming = bool(self._body.get("stream"))
        self.name: str = self._body["model"]
        self.reply_headers: dict[str, str] = {}
        self._headers: dict[str, str] = {}

    def open(self) -> requests.Response:
        """Upstream's stream, once it has said yes.  Blocks; raises whatever it says instead."""
        return self._send(self._prepare())

    def complete(self) -> bytes:
        """The whole answer.  Blocks."""
        model = self._prepare()
        if folded := self._is_longer_in_a_stream(model):
            self._body["stream"] = True
            self._data = orjson.dumps(self._body)
        response, mender = self._send(model), self._mender()
        with closing(response):
            if folded:
                whole = fold(stream(response), mender)
                finish(response)
            else:
                whole = mend_whole(read_whole(response), mender)
        self._record.count(mender.usage)
        return whole

    def reader(self) -> Repair:
        return Repair(self._mender(), usage=self._wants_usage)

    def _mender(self) -> Mender:
        return Mender(
            model=self.name,
            created=int(time.time()),
            answer_id=f"chatcmpl-{self._record.id}",
            keep=self._bridge.config.keep_copilot_fields,
        )

    def _prepare(self) -> Model:
        """Fit the body to the model that the client means."""
        copilot = self._bridge.copilot()
        choice = self._bridge.models.choose(copilot, self.name)
        self._record.model = choice.model.id
        require_chat(choice.model)
        self._headers |= {"X-Initiator": chat.initiator(self._body), **choice.headers}
        changed = self._inline_images(choice.model)
        if self._bridge.quirks.fit(self._body, choice.model) or changed:
            self._data = orjson.dumps(self._body)
        return choice.model

    def _inline_images(self, model: Model) -> bool:
        """Copilot fetches no images; it wants them in the request, and a header that says so."""
        changed = False
        accepted = model.vision.get("supported_media_types") or IMAGE_TYPES
        most = model.vision.get("max_prompt_image_size") or IMAGE_BYTES
        for where, image in chat.image_parts(self._body):
            self._headers["Copilot-Vision-Request"] = "true"
            if not image["url"].startswith("data:"):
                fetched = self._bridge.images.fetch(
                    image["url"], media_types=accepted, max_bytes=most, param=where
                )
                image["url"] = f"data:{fetched[0]};base64,{base64.b64encode(fetched[1]).decode()}"
                changed = True
        return changed

    def _is_longer_in_a_stream(self, model: Model) -> bool:
        limit = self._body.get("max_tokens") or self._body.get("max_completion_tokens") or 0
        return model.max_unstreamed_tokens is not None and limit > model.max_unstreamed_tokens

    def _send(self, model: Model) -> requests.Response:
        def mend(remedy: str) -> bytes | None:
            """What to send after a refusal that says what is wrong; None if there is nothing."""
            if remedy == NEW_SESSION:
                self._bridge.models.forget_session(self._bridge.copilot())
                self._prepare()
            elif not self._bridge.quirks.mend(remedy, self._body, model):
                return None
            return orjson.dumps(self._body)

        response = self._bridge.copilot().send(
            "POST", PATH, self._data, self._headers, request_id=self._record.id, mend=mend
        )
        self.reply_headers = forwarded(response.headers)
        self._bridge.note_quota(self.reply_headers)
        self._forget_prompt(response)
        return response

    def _forget_prompt(self, response: requests.Response) -> None:
        """Upstream has it.  A stream goes on for minutes, and prompts make megabytes."""
        self._data, self._body = b"", {}
        response.request = requests.PreparedRequest()


def require_chat(model: Model) -> None:
    if "chat" not in model.dialects:
        offered = ", ".join(model.dialects) or "no API that the bridge speaks"
        raise Unsupported(
            f"Copilot does not offer {model.id!r} through Chat Completions (only: {offered})", param="model"
        )


def stream(response: requests.Response) -> Iterator[bytes]:
    """Raises StreamCut, UpstreamTimeout: the answer ended before its end."""
    try:
        while piece := response.raw.read1(PIECE, decode_content=True):
            yield piece
    except (HTTPError, OSError) as error:
        raise broken_off(error) from error
