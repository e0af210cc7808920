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

from copilot_bridge.access.fresh import Fresh
from copilot_bridge.access.rates import Rate
from copilot_bridge.config import Config
from copilot_bridge.config.kinds import is_loopback
from copilot_bridge.errors import BridgeError, ConfigError, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store.keys import Key, Keys, digest_of
from copilot_bridge.store.signal import Signal

log = logging.getLogger(__name__)

# Where a client may put its key, and what may stand before it.
HEADERS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key")
BEARER = "bearer "

GITHUB_TOKEN = re.compile(r"(?:ghu_|gho_|github_pat_)[A-Za-z0-9_.]{8,255}")
LONGEST = 4096

OF_GITHUB = "github:"  # how the id begins of who came with a GitHub token


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
    rate: Rate | None = None
    operator: bool = False

    @property
    def owns_account(self) -> bool:
        """They have brought their own GitHub token."""
        return self.id.startswith(OF_GITHUB)

    def may_use(self, model: str) -> bool:
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


NOBODY = Caller("local", operator=True)


@dataclass(frozen=True)
class Entry:
    digest: bytes
    caller: Caller
    expires: int = 0  # unix seconds; 0: never


class Callers:
    """:param clock: unix seconds."""

    def __init__(
        self, config: Config, keys: Keys, signal: Signal, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._github = config.allow_github_tokens
        self._open = config.insecure_no_key
        self._configured = list(configured(config))
        self._table = {entry.digest: entry for entry in self._configured}
        self._stored_are_known = False
        self._warned = False
        self._fresh = Fresh(signal, self._read, config.store_timeout)

    def find(self, given: Sequence[str], *, local: bool) -> Caller:
        """The caller who gave this; at most a few headers.  Raises BridgeError "authentication".

        :param local: the request comes from this machine, and through nothing that others can reach.
        """
        self._fresh.look()
        for each in given if self._table or self._github else ():
            if each and len(each) <= LONGEST and (caller := self._known(each)):
                return caller
        if (local or self._open) and not self._is_required():
            return NOBODY
        raise BridgeError(self._refusal(given), kind="authentication", headers={"WWW-Authenticate": "Bearer"})

    def holder(self, digest: bytes) -> Caller | None:
        """Whose key has this digest, for a session that was opened with it.  None: it is no good any more."""
        self._fresh.look()
        return self._good(digest)

    def _known(self, given: str) -> Caller | None:
        digest = digest_of(given)
        if digest in self._table:
            return self._good(digest)
        if self._github and GITHUB_TOKEN.fullmatch(given):
            return Caller(f"{OF_GITHUB}{sha256(given.encode()).hexdigest()[:16]}", github_token=Secret(given))
        return None

    def _good(self, digest: bytes) -> Caller | None:
        entry = self._table.get(digest)
        # Finding the row leaks nothing of use: nobody can choose a key by its hash.  What decides takes
        # the same time whatever is compared.
        if entry and hmac.compare_digest(entry.digest, digest):
            return None if 0 < entry.expires <= self._clock() else entry.caller
        return None

    @property
    def required(self) -> bool:
        """A key has been configured, or callers bring their own."""
        self._fresh.look()
        return self._is_required()

    def _is_required(self) -> bool:
        return bool(self._table or self._github or (not self._stored_are_known and self._keys.required))

    def _refusal(self, given: Iterable[str]) -> str:
        if any(given):
            return "this API key is not known here, or not any more"
        if not self._is_required():
            return (
                "requests from elsewhere need an API key, and none is configured: `copilot-bridge keys add`"
            )
        return "an API key is needed: as Authorization: Bearer, or x-api-key"

    def _read(self) -> None:
        try:
            stored = [Entry(each.digest, caller_of(each), each.expires) for each in self._keys.all()]
        except StoreError as error:
            if not self._warned:
                log.warning("the stored keys can't be read, those known stay good: %s", error)
            self._warned = True
            return
        self._stored_are_known, self._warned = True, False
        self._table = {entry.digest: entry for entry in (*stored, *self._configured)}


def configured(config: Config) -> Iterable[Entry]:
    """Of the settings.  A key of the settings is the operator's; a share token is for others."""
    for key in config.api_key:
        name = f"key:{digest_of(key.reveal()).hex()[:12]}"
        yield Entry(digest_of(key.reveal()), Caller(name, operator=True))
    for share, token in config.share_token:
        digest = digest_of(share.reveal())
        yield Entry(digest, Caller(f"share:{digest.hex()[:12]}", github_token=token))


def caller_of(key: Key) -> Caller:
    return Caller(
        id=f"{key.kind}:{key.name}",
        account=key.account,
        models=key.models,
        rate=Rate.read(key.rate) if key.rate else None,
        operator=key.operator,
    )


def credentials(headers: Iterable[str | None]) -> list[str]:
    """Of the values of `HEADERS`, in their order."""
    found = [each.strip() for each in headers if each]
    return [each[len(BEARER) :].strip() if each.lower().startswith(BEARER) else each for each in found]


def check_door(config: Config, callers: Callers) -> None:
    """Raises ConfigError: others could use the plan without a key."""
    if is_loopback(config.host) or config.insecure_no_key or callers.required:
        return
    raise ConfigError(
        f"refusing to listen on {config.host} without an API key, for whoever reaches it could use your "
        "plan: make one with `copilot-bridge keys add NAME` (or say --insecure-no-key)"
    )
