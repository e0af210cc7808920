"""Services that live as long as the process: `CopilotServices`, limits, budgets, logs and metrics."""

import logging
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from cachetools import TTLCache

from copilot_bridge.access.approval import Approval
from copilot_bridge.access.authentication import Caller
from copilot_bridge.access.budgets import Budgets
from copilot_bridge.access.origins import OriginPolicy
from copilot_bridge.access.rate_limiter import Admission, RateLimiter
from copilot_bridge.config import Config
from copilot_bridge.dialects.framing.sse import Splitter
from copilot_bridge.errors import StoreError
from copilot_bridge.metrics import Metrics
from copilot_bridge.metrics.telemetry import Telemetry, open_telemetry
from copilot_bridge.pipeline.budget_notices import BudgetNotices
from copilot_bridge.pipeline.copilot_services import CopilotServices
from copilot_bridge.pipeline.event_log import EventLog
from copilot_bridge.pipeline.health_monitor import HealthMonitor
from copilot_bridge.pipeline.image_inlining import ImageInliner
from copilot_bridge.pipeline.interactions import Interactions, secret_of
from copilot_bridge.pipeline.kept_objects import KeptObjects
from copilot_bridge.pipeline.prompt_in_flight import PromptHashes
from copilot_bridge.pipeline.ready_connections import ReadyConnections
from copilot_bridge.pipeline.response_store import RESPONSE_TTL, ResponseStore
from copilot_bridge.pipeline.token_estimates import TokenEstimates
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.user_info import UsageReports
from copilot_bridge.upstream.quota_snapshots import QuotaSnapshots
from copilot_bridge.upstream.recovery.learned import Learned
from copilot_bridge.upstream.transport.bodies import MEGABYTE
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.upstream.websocket.turns import Turns

if TYPE_CHECKING:
    from copilot_bridge.search.web_search import WebSearch
    from copilot_bridge.upstream.public_web.pages import PageFetcher

log = logging.getLogger(__name__)

# Conversations whose pick has expired lose only a little of the prompt cache.
REMEMBERED_IDS, REMEMBERED_FOR = 20_000, 24 * 3600.0


class BackgroundJob(Protocol):
    """A response that is made in the background.

    :ivar event_log: the events of one that is streamed.
    """

    event_log: EventLog

    def beat(self) -> None:
        """Renew the job's state, or end the job if another worker was asked to cancel it."""

    def cancel(self) -> None: ...
    def is_streamed_to(self, caller: str) -> bool: ...


class Bridge(CopilotServices):
    """Holds the services of the process.  None of them does I/O until it is asked for something."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.interactions = Interactions(partial(secret_of, self.store, "signals"))
        self.prompt_hashes = PromptHashes(partial(secret_of, self.store, "prompt cache"))
        self.metrics = Metrics()
        self.websockets = turns_of(config, self.client)
        Splitter.max_block_size = config.response_limit_mb * MEGABYTE
        self.telemetry: Telemetry | None = None
        self.ready_connections = ReadyConnections(self)
        self.health = HealthMonitor(self)
        self.usage_reports = UsageReports(self.client, self.headers, self.store.key_values)
        self.quota_snapshots = QuotaSnapshots(self.store.key_values)
        self.learned = Learned(self.store.lessons, self.store.changes)
        # Ids of reasoning that clients know -> those that Copilot needs back.
        self.upstream_item_ids: TTLCache[str, str] = TTLCache(REMEMBERED_IDS, REMEMBERED_FOR)
        memory = config.response_store_mb * 1024 * 1024
        self.response_store = ResponseStore(memory, table=self.store.response_chains(memory, RESPONSE_TTL))
        self.kept_objects = KeptObjects(self.response_store)
        self.background_jobs: dict[str, BackgroundJob] = {}  # of this process, by the ids of their responses
        self.origin_policy = OriginPolicy(config)
        self.rate_limiter = RateLimiter(
            config, self.store.rate_limits, self.store.cooldowns, self.store.changes
        )
        self.budgets = Budgets(
            self.store.budgets, self.store.changes, config.store_timeout, self.store.settlements_folder
        )
        self.request_log_writer = self.store.request_log_writer(config.log_days, config.log_rows)
        self.token_estimates = TokenEstimates()
        self.approval = Approval(config, self.store.approvals, self.store.changes, self.store.key_values)
        self._connect_services()

    def _connect_services(self) -> None:
        """Let services notify others of what happens, which they do not know."""
        self.client.on_connect(self.metrics.count_connection)
        self.tokens.on_fetch = self._token_fetched
        self.websockets.listener = self.metrics.count_websocket_turn
        self.websockets.pool.on_change = self.metrics.set_open_websockets
        self.websockets.on_quotas = self.quota_snapshots.note_objects
        self.rate_limiter.cooldowns.account_paused = self.health.recheck
        self.budgets.threshold_reached = BudgetNotices(self.config, self.client).notify

    @cached_property
    def pictures(self) -> ImageInliner:
        from copilot_bridge.upstream.public_web.images import (
            ImageFetcher,  # few requests have images elsewhere
        )

        return ImageInliner(ImageFetcher(self.config))

    @cached_property
    def pages(self) -> "PageFetcher":
        from copilot_bridge.upstream.public_web.pages import PageFetcher  # few requests read pages

        return PageFetcher(self.config)

    @cached_property
    def web_search(self) -> "WebSearch":
        from copilot_bridge.search.web_search import WebSearch  # with its engines

        return WebSearch(self.config.web_search)

    def start_telemetry(self) -> None:
        """Start OpenTelemetry's exporters, if the standard variables ask for them."""
        self.telemetry = open_telemetry(self.budget_standings)

    def budget_standings(self) -> list[dict[str, object]]:
        """How far the budgets are used up, as fields; []: there are none, or the store can't be read."""
        try:
            return [standing.as_fields() for standing in self.store.budgets.all_standings()]
        except StoreError as error:
            log.debug("the metrics have no budgets: %s", error)
            return []

    def _token_fetched(self, outcome: str) -> None:
        self.metrics.count_token(outcome)
        self.health.report_token(outcome)

    def copilot_of(self, account: Account, admission: Admission | None = None) -> Copilot:
        return Copilot(self.client, self.tokens, self.headers, account, admission, websockets=self.websockets)

    def stop_waiting(self) -> None:
        """Stop waiting for the operator, since the process ends."""
        self.approval.stop()

    def limit_new_tokens(self, caller: Caller, address: str) -> None:
        """Limit how often GitHub tokens that are not known yet are exchanged.

        :raises BridgeError: "rate_limited".
        """
        if caller.owns_account and not self.tokens.is_known(self.account(caller)):
            self.guess_limiter.charge_new_token(address)


def turns_of(config: Config, client: HttpClient) -> Turns:
    """Return what sends turns over WebSockets to Copilot."""
    return Turns(
        client,
        max_connections=config.upstream_websocket_connections if config.upstream_websocket == "auto" else 0,
        idle_life=config.upstream_websocket_idle,
        max_size=config.response_limit_mb * MEGABYTE,
        compress=config.upstream_websocket_compression == "auto",
        timeout=config.read_timeout,
        first_byte_timeout=config.first_byte_timeout,
    )
