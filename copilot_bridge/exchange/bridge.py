"""What lives as long as the process: settings, connections, tokens, the catalogue, the login."""

import logging
import time

from cachetools import TTLCache

from copilot_bridge.config import Config
from copilot_bridge.errors import LoginRequired, StoreError
from copilot_bridge.exchange.chains import Chains
from copilot_bridge.store import open_store
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

log = logging.getLogger(__name__)

# Conversations that are taken up again later lose a little of the prompt cache, no more.
REMEMBERED_IDS, REMEMBERED_FOR = 20_000, 24 * 3600.0

# A new login on disk is noticed this soon, seconds.
LOOK_AGAIN = 5.0


class Bridge:
    """Made once per process.  Nothing here does I/O until it is asked for something."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = open_store(
            config.home, path=config.cache_path, lasting=config.cache, key=config.store_key
        )
        self.logins = self.store.logins
        self.hosts = Hosts.of(config)
        self.headers = Headers(config)
        self.client = Client(config)
        self.tokens = CopilotTokens(self.client, self.headers, self.store.shelf)
        self.models = Models(mapping=config.model_mapping)
        self.chat_quirks = ChatQuirks()
        self.messages_quirks = MessagesQuirks()
        # Ids of reasoning that clients know -> those that Copilot wants to hear again.
        self.genuine_ids: TTLCache[str, str] = TTLCache(REMEMBERED_IDS, REMEMBERED_FOR)
        self.chains = Chains(config.response_memory * 1024 * 1024)
        self.images = ImageFetcher(config)
        self.quota: dict[str, Snapshot] = {}  # as the last answers told it
        self._copilot: Copilot | None = None
        self._looked_at = 0.0

    def copilot(self) -> Copilot:
        """Copilot's API for the login in use.  Raises LoginRequired."""
        if self._copilot is None or time.monotonic() - self._looked_at > LOOK_AGAIN:
            try:
                account = self.account()
            except StoreError as error:
                if self._copilot is None:
                    raise
                log.warning("the login in use serves on: %s", error)
                account = self._copilot.account
            self._looked_at = time.monotonic()
            if self._copilot is None or self._copilot.account != account:
                self._copilot = Copilot(self.client, self.tokens, self.headers, account)
        return self._copilot

    def account(self) -> Account:
        """The given token's, else the stored login's.  Raises LoginRequired."""
        if self.config.github_token:
            return Account("", self.config.github_token, self.hosts)
        if login := self.logins.used(self.hosts.api):
            return Account(login.user, login.token, self.hosts)
        raise LoginRequired("nobody is logged in to GitHub: run `copilot-bridge auth`")

    def note_quota(self, headers: dict[str, str]) -> None:
        if headers:
            self.quota |= read_snapshots(headers)
