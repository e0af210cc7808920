"""What lives as long as the process: settings, connections, tokens, the catalogue, the login."""

import logging
import time
from collections.abc import Callable
from functools import partial

from cachetools import LRUCache, TTLCache

from copilot_bridge.access.approval import Approval
from copilot_bridge.access.callers import NOBODY, Caller, Callers, check_door
from copilot_bridge.access.pace import Pace, Passage
from copilot_bridge.access.visits import Gatekeeper
from copilot_bridge.config import Config
from copilot_bridge.dialects.glimpse import first_line
from copilot_bridge.errors import LoginRequired, StoreError
from copilot_bridge.exchange.allowed import AllowedModels
from copilot_bridge.exchange.chains import LIFE, Chains
from copilot_bridge.logs import Record
from copilot_bridge.store import open_store
from copilot_bridge.store.approvals import Question
from copilot_bridge.upstream.client import Client
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.images import ImageFetcher
from copilot_bridge.upstream.models import Models
from copilot_bridge.upstream.quirks.chat import ChatQuirks
from copilot_bridge.upstream.quirks.messages import MessagesQuirks
from copilot_bridge.upstream.quota import Snapshot, read_snapshots
from copilot_bridge.upstream.tokens import Account, CopilotTokens

# Of the quotas, the one that a plan's requests are taken from.
METERS = ("premium_interactions", "premium_models", "chat")

log = logging.getLogger(__name__)

# Conversations that are taken up again later lose a little of the prompt cache, no more.
REMEMBERED_IDS, REMEMBERED_FOR = 20_000, 24 * 3600.0

MOST_ACCOUNTS = 256  # that are remembered at a time

# A new login on disk is noticed this soon, seconds.
LOOK_AGAIN = 5.0


class Bridge:
    """Made once per process.  Nothing here does I/O until it is asked for something."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = open_store(
            config.home,
            path=config.cache_path,
            lasting=config.cache,
            key=config.store_key,
            url=config.database_url,
        )
        self.logins = self.store.logins
        self.hosts = Hosts.of(config)
        self.headers = Headers(config)
        self.client = Client(config)
        self.tokens = CopilotTokens(self.client, self.headers, self.store.shelf)
        self._all_models = Models(mapping=config.model_mapping)
        self.models: Models | AllowedModels = self._all_models
        self.chat_quirks = ChatQuirks()
        self.messages_quirks = MessagesQuirks()
        # Ids of reasoning that clients know -> those that Copilot wants to hear again.
        self.genuine_ids: TTLCache[str, str] = TTLCache(REMEMBERED_IDS, REMEMBERED_FOR)
        memory = config.response_memory * 1024 * 1024
        self.chains = Chains(memory, table=self.store.chains(memory, LIFE))
        self.images = ImageFetcher(config)
        self.callers = Callers(config, self.store.keys, self.store.signal)
        self.gatekeeper = Gatekeeper(config)
        self.pace = Pace(config, self.store.pace, self.store.signal)
        self.caller = NOBODY
        self.journal = self.store.journal(config.log_days, config.log_rows)
        self.approval = Approval(config, self.store.approvals, self.store.signal)
        self._approve: Callable[[], None] | None = None
        self._payer: Account | None = None
        self._copilot: Copilot | None = None
        self._passage: Passage | None = None
        self._paced = False
        self._accounts: LRUCache[str, tuple[Account, float]] = LRUCache(MOST_ACCOUNTS)
        self._quotas: LRUCache[str, dict[str, Snapshot]] = LRUCache(MOST_ACCOUNTS)

    def check_door(self) -> None:
        """Raises ConfigError: others could use the plan without a key."""
        check_door(self.config, self.callers)

    def for_caller(self, caller: Caller) -> "Bridge":
        """The same bridge, as a caller sees it: its account, its models.

        Whatever is kept from one request to the next is kept by `caller.id`.
        """
        seen = object.__new__(Bridge)  # copy.copy() takes ten times as long
        seen.__dict__.update(self.__dict__)
        seen.caller, seen._paced = caller, True
        if caller.models:
            seen.models = AllowedModels(self._all_models, caller)
        return seen

    def copilot(self) -> Copilot:
        """Copilot's API for the caller's account.  Raises LoginRequired."""
        if self._copilot is not None:  # a request is answered by one account, whatever changes meanwhile
            return self._copilot
        account = self._payer = self._used_account()
        copilot = Copilot(self.client, self.tokens, self.headers, account, self._gate(account))
        if self._paced:
            self._copilot = copilot
        return copilot

    def _gate(self, account: Account) -> Passage | None:
        """Of a client's request; the command line asks when it likes."""
        if self._passage is None and self._paced:
            self._passage = self.pace.passage(self.caller, account.fingerprint, self._approve)
        return self._passage

    def ask_first(self, record: Record, model: str, data: bytes) -> None:
        """If the operator wants to be asked: before this request is sent."""
        if self.approval.wanted:
            question = Question(
                record.id, record.caller_id or record.caller, model, first_line(data), len(data)
            )
            self._approve = partial(self.approval.wait, question)

    def leave(self) -> None:
        """The caller's request has been answered."""
        if self._passage is not None:
            self._passage.leave()

    def _used_account(self) -> Account:
        """Looked up anew every few seconds."""
        key = self.caller.github_token.reveal() or f"login {self.caller.account}"
        known = self._accounts.get(key)
        if known and time.monotonic() - known[1] < LOOK_AGAIN:
            return known[0]
        try:
            account = self.account()
        except StoreError as error:
            if known is None:
                raise
            log.warning("the login in use serves on: %s", error)
            account = known[0]
        if known and known[0] == account:
            account = known[0]  # it knows its fingerprint
        self._accounts[key] = (account, time.monotonic())
        return account

    def account(self) -> Account:
        """The caller's own; of the caller's login; else the given token's, or the default login's.

        :raises LoginRequired:
        """
        if self.caller.github_token:
            return Account("", self.caller.github_token, self.hosts)
        if self.caller.account:
            return self._login(self.caller.account)
        if self.config.github_token:
            return Account("", self.config.github_token, self.hosts)
        if login := self.logins.used(self.hosts.api):
            return Account(login.user, login.token, self.hosts)
        raise LoginRequired("nobody is logged in to GitHub: run `copilot-bridge auth`")

    def _login(self, user: str) -> Account:
        login = self.logins.find(user, self.hosts.api) or self.logins.find(user)
        if login is None:
            raise LoginRequired(
                f"the GitHub login {user!r} of this key is not stored: see `copilot-bridge auth list`"
            )
        return Account(login.user, login.token, self.hosts.of_login(login.host, self.config))

    def done(self, record: Record) -> None:
        """The request has been answered: what the store's log should say of it."""
        if self._payer is not None:
            record.account = self._payer.login or f"token {self._payer.fingerprint[:8]}"
            left = self._quotas.get(self._payer.fingerprint, {})
            record.quota = next((left[name].percent_remaining for name in METERS if name in left), None)
        self.journal.end(record.row())

    @property
    def quota(self) -> dict[str, Snapshot]:
        """As the last answers of the caller's account told it."""
        return self._quotas.get(self._used_account().fingerprint, {})

    def note_quota(self, headers: dict[str, str]) -> None:
        if headers:
            key = self._used_account().fingerprint
            self._quotas[key] = self._quotas.get(key, {}) | read_snapshots(headers)
