"""The prompt of a request as keyed digests, by which the log explains a miss of the prompt cache.

The digests are made while Copilot works on its response, so no request waits for them, and only if there is a
log.  Afterwards the prompt itself is dropped.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from hashlib import blake2b
from typing import Any

from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.prompt_cache import DIGEST_SIZE, CachedPrompt, PromptDigests
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt_digests import Digester, PromptFields
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model
from copilot_bridge.store.prompt_cache import PromptUse
from copilot_bridge.upstream.signals import Signals

log = logging.getLogger(__name__)

MAX_MESSAGES = 3000  # the first messages, whose digests are kept


# A prompt of so few bytes has no 1,024 tokens in any language, and no shorter one is cached.
MIN_SIZE = 2048


class PromptHashes:
    """Begins keyed hashes.  :param key: asked for when it is needed first."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    @cached_property
    def new(self) -> Callable[[], Any]:
        """Begins a hash.  The first use may block: the key is in the store."""
        begin: Callable[[], Any] = blake2b(key=self._key(), digest_size=DIGEST_SIZE).copy
        return begin


class PromptInFlight:
    """The prompt of one request.

    :param body: as it is sent.  :param fields: those of the prompt in it.
    :param caller: two callers never share a conversation.
    """

    __slots__ = ("_body", "_caller", "_digests", "_fields", "_new_hash", "_signals")

    def __init__(
        self, hashes: PromptHashes, body: JsonObject, fields: PromptFields, signals: Signals, caller: str
    ) -> None:
        self._new_hash = hashes.new
        self._body: JsonObject | None = body
        self._fields = fields
        self._signals = signals
        self._caller = caller
        self._digests: PromptDigests | None = None

    def digest(self) -> PromptDigests | None:
        """Make the digests, unless they exist, and drop the body.  None: the body has an unknown form."""
        body, self._body = self._body, None
        if body is not None:
            try:
                self._digests = self._digests_of(body)
            except (RecursionError, TypeError, ValueError) as error:  # the request itself is not affected
                log.debug("no digests of this prompt: %s", error)
        return self._digests

    def _digests_of(self, body: JsonObject) -> PromptDigests:
        tools, system, messages, has_breakpoint = Digester(self._new_hash).digests(body, self._fields)
        return PromptDigests(tools, system, messages[: MAX_MESSAGES * DIGEST_SIZE], has_breakpoint)

    def use(self, entry: RequestLogEntry, model: Model) -> PromptUse | None:
        """The use of the cache by a finished request; None: its tokens or its digests are not known."""
        if entry.tokens_in is None or (digests := self.digest()) is None:
            return None
        counts = TokenCounts(
            entry.tokens_in, entry.tokens_out or 0, entry.tokens_cached or 0, entry.tokens_written or 0
        )
        return PromptUse(
            thread=self._thread(digests),
            prompt=CachedPrompt(model.id, digests, entry.at, counts.prompt),
            counts=counts,
            needs_breakpoints=model.profile.needs_cache_breakpoints,
            prices=model.prices,
            discount=entry.discount,
        )

    def _thread(self, digests: PromptDigests) -> str:
        """The name of the prompts to compare with: those of the conversation, whatever its system prompt.

        Without a client's name for it, a conversation is known by its first message.
        """
        signals = self._signals
        named = signals.session.encode() if signals.named else digests.messages[:DIGEST_SIZE]
        found = self._new_hash()
        found.update(b"\0".join((self._caller.encode(), (signals.type or "").encode(), named)))
        name: str = found.hexdigest()
        return name
