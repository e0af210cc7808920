"""Finds the caller of a request by an API key, a share token or the caller's own GitHub token.

The keys are cached in memory and reloaded when the store changes, and every two seconds in case another
machine changed it.  So a revoked key is rejected at once on this machine.
"""

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256

from msgspec import Struct, field

from copilot_bridge.access.guess_limiter import SAFE_KEY_LENGTH, GuessLimiter, too_many
from copilot_bridge.access.rates import RateLimit
from copilot_bridge.access.reloading_cache import ReloadingCache
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback
from copilot_bridge.errors import BridgeError, ConfigError, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.shared_memory.shared_times import SharedTimes
from copilot_bridge.store.keys import Key, Keys, digest_of

log = logging.getLogger(__name__)

# The headers that may carry a key, and the scheme that may precede it.
CREDENTIAL_HEADERS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key")
BEARER = "bearer "

GITHUB_TOKEN = re.compile(r"(?:ghu_|gho_|github_pat_)[A-Za-z0-9_.]{8,255}")
MAX_KEY_LENGTH = 4096

# A replaced or damaged database must not make the bridge accept requests without a key.
KEYS_LOST = (
    "API keys were required here before ({mark}), but the store has none, so every request is rejected: "
    "create a key with `copilot-bridge keys add NAME`, or allow requests without one with "
    "`copilot-bridge keys clear`"
)

KEYS_UNREADABLE = "the API key can't be checked, because the store can't be read: try again soon"

GITHUB_ID_PREFIX = "github:"  # of the ids of callers with a GitHub token of their own


class Caller(Struct, frozen=True):
    """The sender of a request, and what they may do.

    :param id: the caller's name in logs and the store; not secret.
    :param account: the stored GitHub login to use; "": the default one.
    :param github_token: the token to use instead of a stored login.
    :param models: patterns of the allowed models; empty: all.
    :param web: may have the bridge search the web and read pages.
    :param operator: may read and change the bridge's own data.
    """

    id: str
    account: str = ""
    github_token: Secret = field(default_factory=Secret)
    models: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    operator: bool = False
    web: bool = True

    @property
    def owns_account(self) -> bool:
        """The caller uses a GitHub token of their own."""
        return self.id.startswith(GITHUB_ID_PREFIX)

    def may_use(self, model: str) -> bool:
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


LOCAL_OPERATOR = Caller("local", operator=True)


class KnownKey(Struct, frozen=True):
    """A key that the bridge accepts, and its caller."""

    digest: bytes
    caller: Caller
    expires: int = 0  # unix seconds; 0: never


class Authenticator:
    """The keys of the settings and the store, and the checks of a request's credentials.

    :param guess_limiter: limits how many wrong keys an address may try.
    :param clock: unix seconds.
    """

    def __init__(
        self,
        config: Config,
        keys: Keys,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
        guess_limiter: GuessLimiter | None = None,
    ) -> None:
        self._keys = keys
        self._guess_limiter = guess_limiter or GuessLimiter(SharedTimes(None))
        self._clock = clock
        self._accepts_github_tokens = config.allow_github_tokens
        self._keys_optional = config.insecure_no_key
        self._configured = list(configured_keys(config))
        self._table = {entry.digest: entry for entry in self._configured}
        self._keys_were_needed = True  # assumed until the store has been read
        self._were_read = False  # whether the stored keys have ever been read
        self._unreadable = False  # whether the last read failed
        self._warned = ""
        self._cache = ReloadingCache(changes, self._read, config.store_timeout)

    def authenticate(self, credentials: Sequence[str], *, local: bool, address: str = "") -> Caller:
        """Finds the caller by the credentials of a request.

        :param credentials: the values of a few headers.
        :param local: the request comes from this machine, not through a proxy that others can reach.
        :param address: the client's address, from trusted sources only.
        :raises BridgeError: "authentication", or "rate_limited" after too many wrong keys.
        """
        self._cache.refresh()
        has_keys = self._table or self._accepts_github_tokens
        tried = [key for key in credentials if 0 < len(key) <= MAX_KEY_LENGTH] if has_keys else []
        for key in tried:
            if caller := self._look_up(key, address):
                return caller
        if (local or self._keys_optional) and not self._is_required():
            return LOCAL_OPERATOR
        if self._unreadable:
            raise BridgeError(KEYS_UNREADABLE, kind="unavailable", status=503, headers={"retry-after": "5"})
        if tried and (wait := self._guess_limiter.note_wrong(address, len(tried))):
            raise too_many("too many invalid API keys from your address", wait)
        raise BridgeError(
            self._refusal(credentials), kind="authentication", headers={"WWW-Authenticate": "Bearer"}
        )

    def find_by_digest(self, digest: bytes) -> Caller | None:
        """Finds the caller of a session by the digest of its key.  None: the key is no longer valid."""
        self._cache.refresh()
        return self._valid_caller(digest)

    def _look_up(self, key: str, address: str) -> Caller | None:
        digest = digest_of(key)
        if not self._guess_limiter.may_try(address, key, digest):
            return None
        if caller := self._identify(key, digest):
            self._guess_limiter.note_right(address, key, digest)
        return caller

    def _identify(self, key: str, digest: bytes) -> Caller | None:
        if digest in self._table:
            return self._valid_caller(digest)
        if self._accepts_github_tokens and GITHUB_TOKEN.fullmatch(key):
            return Caller(
                f"{GITHUB_ID_PREFIX}{sha256(key.encode()).hexdigest()[:16]}", github_token=Secret(key)
            )
        return None

    def _valid_caller(self, digest: bytes) -> Caller | None:
        entry = self._table.get(digest)
        # The lookup's timing leaks nothing useful, because nobody can choose a key by its hash.  The
        # comparison takes constant time.
        if entry and hmac.compare_digest(entry.digest, digest):
            return None if 0 < entry.expires <= self._clock() else entry.caller
        return None

    @property
    def requires_key(self) -> bool:
        """Some key is configured or stored, or callers may use their own GitHub tokens."""
        self._cache.refresh()
        return self._is_required()

    def _is_required(self) -> bool:
        return bool(self._table or self._accepts_github_tokens or self._keys_were_needed)

    def _refusal(self, credentials: Iterable[str]) -> str:
        if any(credentials):
            return "invalid API key: it is unknown, revoked or expired"
        if not self._table and not self._accepts_github_tokens:
            lost = "an API key is required, but the bridge has no keys left"
            remote = "requests from other machines require an API key, but none is configured"
            reason = lost if self._keys_were_needed else remote
            return f"{reason}: create one with `copilot-bridge keys add NAME`"
        return "an API key is required: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`"

    def _read(self) -> None:
        try:
            keys, needed = self._keys.load()
        except StoreError as error:
            self._unreadable = True
            # Another machine may have created keys that this one has never seen: its own flag is not enough.
            self._keys_were_needed = self._keys.required or (self._keys.shared and not self._were_read)
            self._warn(f"the stored API keys can't be read, so those in memory stay valid: {error}")
            return
        self._were_read, self._unreadable = True, False
        self._keys_were_needed = self._keys.required if needed is None else needed
        stored = [KnownKey(key.digest, caller_of(key), key.expires) for key in keys]
        self._table = {entry.digest: entry for entry in (*stored, *self._configured)}
        self._warn(
            KEYS_LOST.format(mark=self._keys.flag_file) if self._keys_were_needed and not stored else ""
        )

    def _warn(self, text: str) -> None:
        """Logs a warning once, until the text changes."""
        if text and text != self._warned:
            log.warning("%s", text)
        self._warned = text

    @property
    def problem(self) -> str:
        """The problem with the stored keys, for the operator; "": none."""
        self._cache.refresh()
        return self._warned


def configured_keys(config: Config) -> Iterable[KnownKey]:
    """The keys of the settings: API keys are the operator's, share tokens are for others."""
    for key in config.api_key:
        name = f"key:{digest_of(key.reveal()).hex()[:12]}"
        yield KnownKey(digest_of(key.reveal()), Caller(name, operator=True))
    for share, token in config.share_token:
        digest = digest_of(share.reveal())
        yield KnownKey(digest, Caller(f"share:{digest.hex()[:12]}", github_token=token))


def caller_of(key: Key) -> Caller:
    return Caller(
        id=key.id,
        account=key.account,
        models=key.models,
        rate_limit=RateLimit.parse(key.rate) if key.rate else None,
        operator=key.operator,
        web=key.web,
    )


def read_credentials(headers: Iterable[str | None]) -> list[str]:
    """Extracts the keys from the values of `CREDENTIAL_HEADERS`, in their order."""
    stripped = [value.strip() for value in headers if value]
    return [value[len(BEARER) :].strip() if value.lower().startswith(BEARER) else value for value in stripped]


def needs_key(config: Config) -> bool:
    """Return whether other machines can reach the bridge and have to send a key."""
    return not is_loopback(config.host) and not config.insecure_no_key


def require_keys_when_public(config: Config, authenticator: Authenticator) -> None:
    """Checks that others can't use the plan without a key.  Raises ConfigError."""
    if not needs_key(config) or authenticator.requires_key:
        return
    raise ConfigError(
        f"refusing to listen on {config.host} without an API key: anyone who can reach it could use your "
        "Copilot plan; create a key with `copilot-bridge keys add NAME`, or pass --insecure-no-key"
    )


def weak_keys(config: Config) -> list[str]:
    """Warnings about keys of the settings that are short enough to be guessed."""
    keys = [*config.api_key, *(share for share, _ in config.share_token)]
    sizes = sorted(len(key.reveal()) for key in keys if len(key.reveal()) < SAFE_KEY_LENGTH)
    return [
        f"an API key of the settings has only {size} character{'s' if size > 1 else ''} and can be guessed: "
        f"use {SAFE_KEY_LENGTH} or more (`copilot-bridge keys add NAME` creates a strong one)"
        for size in sizes
    ]
