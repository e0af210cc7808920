"""Who asks: told by a key, by a share token, by the caller's own GitHub token, or by nothing at all.

The keys are in memory.  They are read again when the store says that it has changed, and every two
seconds besides, so a key that was revoked is refused at once on this machine.
"""

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256

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

# Where a client may put its key, and what may stand before it.
CREDENTIAL_HEADERS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key")
BEARER = "bearer "

GITHUB_TOKEN = re.compile(r"(?:ghu_|gho_|github_pat_)[A-Za-z0-9_.]{8,255}")
MAX_KEY_LENGTH = 4096

# The database is another one, or has lost them: that must not open the door.
KEYS_LOST = (
    "keys were needed here ({mark}), and the store holds none: nobody gets in without one; "
    "`copilot-bridge keys add NAME` makes one, `copilot-bridge keys clear` says that none is needed"
)

KEYS_UNREADABLE = (
    "the bridge can't read its keys just now, and this is none that it knows: try again in a moment"
)

GITHUB_ID_PREFIX = "github:"  # how the id begins of who came with a GitHub token


@dataclass(frozen=True)
class Caller:
    """:param id: names the caller wherever something is kept for it; no secret.
    :param account: the stored GitHub login that is used; "": the default one.
    :param github_token: used instead of a stored login.
    :param models: patterns of the models that may be used; none: all.
    :param operator: may see and do what concerns the bridge itself.
    """

    id: str
    account: str = ""
    github_token: Secret = field(default_factory=Secret)
    models: tuple[str, ...] = ()
    rate: RateLimit | None = None
    operator: bool = False

    @property
    def owns_account(self) -> bool:
        """They have brought their own GitHub token."""
        return self.id.startswith(GITHUB_ID_PREFIX)

    def may_use(self, model: str) -> bool:
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


LOCAL_OPERATOR = Caller("local", operator=True)


@dataclass(frozen=True)
class KnownKey:
    digest: bytes
    caller: Caller
    expires: int = 0  # unix seconds; 0: never


class Authenticator:
    """:param guesses: who has tried too often.  :param clock: unix seconds."""

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
        self._keys_were_needed = True  # until it has been looked at
        self._were_read = False  # the stored keys, ever
        self._unreadable = False  # just now
        self._warned = ""
        self._cache = ReloadingCache(changes, self._read, config.store_timeout)

    def authenticate(self, given: Sequence[str], *, local: bool, address: str = "") -> Caller:
        """The caller who gave this; at most a few headers.

        :param local: the request comes from this machine, and through nothing that others can reach.
        :param address: from where it comes, as far as that can be believed.
        :raises BridgeError: "authentication", or "rate_limited" after too many wrong keys.
        """
        self._cache.refresh()
        keyed = self._table or self._accepts_github_tokens
        tried = [each for each in given if each and len(each) <= MAX_KEY_LENGTH] if keyed else []
        for each in tried:
            if caller := self._look_up(each, address):
                return caller
        if (local or self._keys_optional) and not self._is_required():
            return LOCAL_OPERATOR
        if self._unreadable:
            raise BridgeError(KEYS_UNREADABLE, kind="unavailable", status=503, headers={"retry-after": "5"})
        if tried and (wait := self._guess_limiter.note_wrong(address, len(tried))):
            raise too_many("too many keys from your address were not known here", wait)
        raise BridgeError(self._refusal(given), kind="authentication", headers={"WWW-Authenticate": "Bearer"})

    def find_by_digest(self, digest: bytes) -> Caller | None:
        """Whose key has this digest, for a session that was opened with it.  None: it is no good any more."""
        self._cache.refresh()
        return self._valid_caller(digest)

    def _look_up(self, given: str, address: str) -> Caller | None:
        digest = digest_of(given)
        if not self._guess_limiter.may_try(address, given, digest):
            return None
        if caller := self._identify(given, digest):
            self._guess_limiter.note_right(address, given, digest)
        return caller

    def _identify(self, given: str, digest: bytes) -> Caller | None:
        if digest in self._table:
            return self._valid_caller(digest)
        if self._accepts_github_tokens and GITHUB_TOKEN.fullmatch(given):
            return Caller(
                f"{GITHUB_ID_PREFIX}{sha256(given.encode()).hexdigest()[:16]}", github_token=Secret(given)
            )
        return None

    def _valid_caller(self, digest: bytes) -> Caller | None:
        entry = self._table.get(digest)
        # Finding the row leaks nothing of use: nobody can choose a key by its hash.  What decides takes
        # the same time whatever is compared.
        if entry and hmac.compare_digest(entry.digest, digest):
            return None if 0 < entry.expires <= self._clock() else entry.caller
        return None

    @property
    def requires_key(self) -> bool:
        """A key has been configured or made, or callers bring their own."""
        self._cache.refresh()
        return self._is_required()

    def _is_required(self) -> bool:
        return bool(self._table or self._accepts_github_tokens or self._keys_were_needed)

    def _refusal(self, given: Iterable[str]) -> str:
        if any(given):
            return "this API key is not known here, or not any more"
        if not self._table and not self._accepts_github_tokens:
            why = "an API key is needed, and there is none any more"
            other = "requests from elsewhere need an API key, and none is configured"
            return f"{why if self._keys_were_needed else other}: `copilot-bridge keys add` makes one"
        return "an API key is needed: as Authorization: Bearer, or x-api-key"

    def _read(self) -> None:
        try:
            keys, needed = self._keys.look()
        except StoreError as error:
            self._unreadable = True
            # Another machine may have made keys that this one has never seen: its own mark is not enough.
            self._keys_were_needed = self._keys.required or (self._keys.shared and not self._were_read)
            self._warn(f"the stored keys can't be read, those known stay good: {error}")
            return
        self._were_read, self._unreadable = True, False
        self._keys_were_needed = self._keys.required if needed is None else needed
        stored = [KnownKey(each.digest, caller_of(each), each.expires) for each in keys]
        self._table = {entry.digest: entry for entry in (*stored, *self._configured)}
        self._warn(KEYS_LOST.format(mark=self._keys.mark) if self._keys_were_needed and not stored else "")

    def _warn(self, text: str) -> None:
        """Once, until something else is the matter."""
        if text and text != self._warned:
            log.warning("%s", text)
        self._warned = text

    @property
    def problem(self) -> str:
        """What is the matter with the stored keys, for the operator; "": nothing."""
        self._cache.refresh()
        return self._warned


def configured_keys(config: Config) -> Iterable[KnownKey]:
    """Of the settings.  A key of the settings is the operator's; a share token is for others."""
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
        rate=RateLimit.parse(key.rate) if key.rate else None,
        operator=key.operator,
    )


def read_credentials(headers: Iterable[str | None]) -> list[str]:
    """Of the values of `HEADERS`, in their order."""
    found = [each.strip() for each in headers if each]
    return [each[len(BEARER) :].strip() if each.lower().startswith(BEARER) else each for each in found]


def needs_key(config: Config) -> bool:
    """Others can reach it, and are not to be let in as they are."""
    return not is_loopback(config.host) and not config.insecure_no_key


def require_keys_when_public(config: Config, authenticator: Authenticator) -> None:
    """Raises ConfigError: others could use the plan without a key."""
    if not needs_key(config) or authenticator.requires_key:
        return
    raise ConfigError(
        f"refusing to listen on {config.host} without an API key, for whoever reaches it could use your "
        "plan: make one with `copilot-bridge keys add NAME` (or say --insecure-no-key)"
    )


def weak_keys(config: Config) -> list[str]:
    """What to tell the operator of keys of the settings that could be guessed."""
    given = [*config.api_key, *(share for share, _ in config.share_token)]
    sizes = sorted(len(each.reveal()) for each in given if len(each.reveal()) < SAFE_KEY_LENGTH)
    return [
        f"a key of the settings has {size} character{'s' if size > 1 else ''} only, and can be guessed: "
        f"take {SAFE_KEY_LENGTH} or more (`copilot-bridge keys add NAME` makes good ones)"
        for size in sizes
    ]
