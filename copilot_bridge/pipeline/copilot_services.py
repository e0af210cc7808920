"""The services that are needed to ask Copilot: the store, the login, connections, tokens, the catalogue."""

import logging
import time
from functools import partial

from cachetools import LRUCache

from copilot_bridge.access.authentication import (
    LOCAL_OPERATOR,
    Authenticator,
    Caller,
    require_keys_when_public,
)
from copilot_bridge.access.guess_limiter import GuessLimiter
from copilot_bridge.config import Config
from copilot_bridge.errors import LoginRequired, StoreError
from copilot_bridge.pipeline.interactions import machine_of
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.upstream.auto import AutoPicks
from copilot_bridge.upstream.catalogues import ModelCatalogues
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.tokens import CopilotTokens
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.transport.http_client import HttpClient

log = logging.getLogger(__name__)

MAX_ACCOUNTS = 256  # that are remembered at a time

# A new login on disk is noticed this soon, seconds.
LOOK_AGAIN = 5.0


class CopilotServices:
    """Holds what the commands need to ask Copilot, and the server as well.  None of it does I/O by itself."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = store_of(config)
        self.logins = self.store.logins
        self.hosts = Hosts.of(config)
        self.headers = Headers(config, partial(machine_of, self.store))
        self.client = HttpClient(config)
        self.tokens = CopilotTokens(self.client, self.headers, self.store.key_values)
        auto = AutoPicks(self.store.key_values, config.auto_tier)
        self.models = ModelCatalogues(mapping=config.model_mapping, auto=auto, store=self.store.key_values)
        self.guess_limiter = GuessLimiter(self.store.attempts)
        self.authenticator = Authenticator(
            config, self.store.keys, self.store.changes, guess_limiter=self.guess_limiter
        )
        self._accounts: LRUCache[str, tuple[Account, float, int]] = LRUCache(MAX_ACCOUNTS)

    def require_keys_when_public(self) -> None:
        """Check that others can't use the plan without a key.

        :raises ConfigError: they could.
        """
        require_keys_when_public(self.config, self.authenticator)

    def copilot(self) -> Copilot:
        """Return Copilot's API for the account of the settings, for requests that no caller sent.

        :raises LoginRequired: there is no account.
        """
        return self.copilot_of(self.account_in_use(LOCAL_OPERATOR))

    def copilot_of(self, account: Account) -> Copilot:
        return Copilot(self.client, self.tokens, self.headers, account)

    def account_in_use(self, caller: Caller) -> Account:
        """Return the caller's account, looked up again every few seconds and when the store has changed.

        :raises LoginRequired: there is none.
        """
        key = caller.github_token.reveal() or f"login {caller.account}"
        known = self._accounts.get(key)
        seen = self.store.changes.read()
        if known and time.monotonic() - known[1] < LOOK_AGAIN and known[2] == seen:
            return known[0]
        try:
            account = self.account(caller)
        except StoreError as error:
            if known is None:
                raise
            log.warning("the login can't be read again; continuing with the one in use: %s", error)
            account = known[0]
        if known and known[0] == account:
            account = known[0]  # the same object, which has computed its fingerprint already
        self._accounts[key] = (account, time.monotonic(), seen)
        return account

    def account(self, caller: Caller = LOCAL_OPERATOR) -> Account:
        """Return the account of the caller's token or login, of the configured token, or the default one.

        :raises LoginRequired: there is none.
        """
        if caller.github_token:
            return Account("", caller.github_token, self.hosts, brought=caller.owns_account)
        if caller.account:
            return self._login(caller.account)
        if self.config.github_token:
            return Account("", self.config.github_token, self.hosts)
        if login := self.logins.in_use(self.hosts.api):
            return Account(login.user, login.token, self.hosts)
        raise LoginRequired("there is no GitHub login: run `copilot-bridge auth`")

    def _login(self, user: str) -> Account:
        login = self.logins.find(user, self.hosts.api) or self.logins.find(user)
        if login is None:
            raise LoginRequired(
                f"the GitHub login {user!r} of this key is not stored: see `copilot-bridge auth list`"
            )
        return Account(login.user, login.token, self.hosts.of_login(login.host, self.config))
