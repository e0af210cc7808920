"""The signals of calls that GitHub gets: who caused a call, and its conversation.

A conversation is known by the name that its client has for it, else by how it began.  All ids are made of
that by a keyed hash: every process with the store's key (each worker, and the next start) makes the same
ones, and they reveal nothing of the conversation.
"""

import logging
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

from cachetools import TTLCache
from xxhash import xxh3_64_digest

from copilot_bridge.dialects.call_kinds import (
    SUBAGENT,
    agent_id,
    call_kind,
    session_id,
    without_billing_header,
)
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.errors import ConfigError, StoreError
from copilot_bridge.store import Store
from copilot_bridge.upstream.signals import AGENT, USER, Signals

log = logging.getLogger(__name__)

MAX_INTERACTIONS, INTERACTION_TTL = (
    20_000,
    12 * 3600.0,
)  # interactions that are remembered, and for how many seconds

LONG = 4096  # bytes of a text that are hashed; of a longer one the checksum is hashed besides


class Interactions:
    """Makes the signals of each call.

    :param key: for the hashes; called at the first use.
    """

    def __init__(self, key: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._new_key = key
        self._keyed_hash: Any = None
        # The ids of interactions that a person began: by conversation, and all of them.
        self._latest: TTLCache[bytes, str] = TTLCache(MAX_INTERACTIONS, INTERACTION_TTL, clock)
        self._begun: TTLCache[str, bool] = TTLCache(MAX_INTERACTIONS, INTERACTION_TTL, clock)

    def signals(
        self, caller: str, conversation: Conversation, headers: Mapping[str, str], kind: str | None = None
    ) -> Signals:
        """Return the signals of a call.

        :param caller: two callers never share an id.
        :param headers: the client's, their names in lower case.
        :param kind: of the call, if it is known already.
        """
        kind = kind or call_kind(conversation, headers)
        name = session_id(conversation, headers)
        beginning = self._hash(
            caller, conversation.first, *(() if name else without_billing_header(conversation.system))
        )
        conversation_hash = self._hash(caller, name) if name else beginning
        initiator = AGENT if kind else conversation.initiator
        interaction = self._interaction(conversation_hash, beginning, conversation.turns, kind or initiator)
        return Signals(
            initiator,
            session=self._id(conversation_hash, b"session"),
            interaction=interaction,
            task=self._id(interaction.encode(), agent_name(kind, headers) or (beginning if kind else b"")),
            type=kind,
            thread=self._id(conversation_hash, beginning),
            named=bool(name),
        )

    def _interaction(self, conversation_hash: bytes, beginning: bytes, turns: int, initiator: str) -> str:
        """Return the interaction that a call belongs to.

        After a compaction in the middle of a turn the conversation has another beginning, but the turn is
        still the same; likewise the calls that a client makes beside its tool loop.
        """
        own = self._id(conversation_hash, beginning, b"turn %d" % turns)
        if initiator == USER:
            self._begun[own] = True
            self._latest[conversation_hash] = own
        elif initiator != AGENT or own not in self._begun:
            return self._latest.get(conversation_hash, own)
        return own

    def _id(self, *parts: bytes) -> str:
        return random_uuid_of(self._hash(*parts))

    def _hash(self, *parts: str | bytes) -> bytes:
        if self._keyed_hash is None:
            self._keyed_hash = blake2b(key=self._new_key(), digest_size=32)
        found = self._keyed_hash.copy()
        for part in parts:
            content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            found.update(len(content).to_bytes(8, "big") + brief(content))
        return bytes(found.digest())


def brief(content: bytes) -> bytes:
    """Return what identifies a text among those of one client: to hash a long one takes longer."""
    return content if len(content) <= LONG else content[:LONG] + xxh3_64_digest(content)


def random_uuid_of(digest: bytes) -> str:
    """Return the first 16 bytes as a random UUID (RFC 9562, version 4), in a fifth of `uuid.UUID`'s time."""
    digits = digest.hex()
    variant = "89ab"[digest[8] >> 4 & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def agent_name(kind: str | None, headers: Mapping[str, str]) -> bytes:
    """Return the name of the agent: each subagent has its own if its client gives it one."""
    return agent_id(headers).encode() if kind == SUBAGENT else (kind or "").encode()


def secret_of(store: Store, purpose: str) -> bytes:
    """Return 32 bytes, the same for all processes with the store's key.

    If the store can't be used, they are good for this process only.
    """
    try:
        return store.encryptor.derive_key(purpose)
    except (ConfigError, StoreError) as error:
        log.warning("the store can't be used, so Copilot gets new ids after each start: %s", error)
        return token_bytes(32)


def machine_of(store: Store) -> str:
    """Return the id by which Copilot knows this bridge: random, and not made of the machine's own ids."""
    return random_uuid_of(secret_of(store, "machine id"))
