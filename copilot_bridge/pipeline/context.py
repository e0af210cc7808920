"""The context of one request: its caller, the account that pays, and its permissions."""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller
from copilot_bridge.access.budgets import Reservation
from copilot_bridge.access.rate_limiter import Admission
from copilot_bridge.billing.budgets import CONVERSATION, KEY, LOGIN
from copilot_bridge.billing.periods import unix_time
from copilot_bridge.billing.prompt_cache import SHORT
from copilot_bridge.billing.quota import QuotaSnapshot
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt_digests import PromptFields
from copilot_bridge.dialects.prompt_preview import prompt_preview
from copilot_bridge.dialects.server_tools.functions import FETCH, SEARCH
from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.logs.escaping import CONTROL_ESCAPES
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.authorized_models import AuthorizedModels
from copilot_bridge.pipeline.connection_memory import ConnectionMemory
from copilot_bridge.pipeline.log_rows import finished_row
from copilot_bridge.pipeline.prompt_in_flight import MIN_SIZE, PromptInFlight
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.pipeline.spending import (
    estimated_charge,
    estimated_prompt,
    note_charge,
    upstream_id,
)
from copilot_bridge.search import OFF
from copilot_bridge.store.approvals import PendingRequest
from copilot_bridge.store.prompt_cache import PromptUse
from copilot_bridge.threads import run_soon
from copilot_bridge.upstream.catalogues import ModelCatalogues
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.user_info import quotas_only
from copilot_bridge.upstream.signals import Signals

# Of the quotas, the one that a plan's requests are taken from.
METERS = ("premium_interactions", "premium_models", "chat")


class RequestContext:
    """The bridge as one caller's request sees it.

    One account serves the request, whatever changes meanwhile.  What is kept from one request to the next is
    kept by the bridge, under `caller.id`.

    :param memory: of the WebSocket that the request came on.
    """

    __slots__ = (
        *("_account", "_admission", "_copilot", "_is_short", "_model", "_prompt", "_prompt_estimate"),
        *("_pending_request", "_reservation"),
        *("bridge", "caller", "memory", "models"),
    )

    def __init__(self, bridge: Bridge, caller: Caller, memory: ConnectionMemory | None = None) -> None:
        self.bridge = bridge
        self.caller = caller
        self.memory = memory
        self.models: ModelCatalogues | AuthorizedModels = (
            AuthorizedModels(bridge.models, caller) if caller.models else bridge.models
        )
        self._pending_request: PendingRequest | None = None
        self._account: Account | None = None
        self._admission: Admission | None = None
        self._copilot: Copilot | None = None
        self._model: Model | None = None  # the model that is charged
        self._prompt_estimate = 0  # tokens
        self._prompt: PromptInFlight | None = None
        self._is_short = False  # too short to be cached
        self._reservation: Reservation | None = None  # of the request's estimated cost, in its budgets

    @property
    def account(self) -> Account:
        """The account that pays.

        :raises LoginRequired: there is none.
        """
        if self._account is None:
            self._account = self.bridge.account_in_use(self.caller)
        return self._account

    def copilot(self) -> Copilot:
        """Return Copilot's API for that account, within the operator's limits.

        :raises LoginRequired: there is no account.
        """
        if self._copilot is None:
            fingerprint = self.account.fingerprint
            self._admission = self.bridge.rate_limiter.admission(
                self.caller, fingerprint, self._approve, self._others
            )
            self._copilot = self.bridge.copilot_of(self.account, self._admission)
            self.bridge.ready_connections.note_use(self.account)
        return self._copilot

    def may_run(self, kind: str) -> bool:
        """Return whether the bridge may run a kind of server tool for the caller."""
        config = self.bridge.config
        enabled = {SEARCH: config.web_search != OFF, FETCH: config.web_fetch}
        return enabled[kind] and self.caller.web

    def for_part(self) -> "RequestContext":
        """Return the context of what the bridge does on its own for this request: it has a row of its own."""
        part = RequestContext(self.bridge, self.caller)
        part._account = self.account
        return part

    def prepare_approval(self, entry: RequestLogEntry, model: str, data: bytes) -> None:
        """Note what the operator has to approve before the request is sent, if that is wanted."""
        if self.bridge.approval.wanted:
            caller = entry.caller_id or entry.caller
            preview, model_name = (text.translate(CONTROL_ESCAPES) for text in (prompt_preview(data), model))
            self._pending_request = PendingRequest(entry.id, caller, model_name, preview, len(data))

    def _approve(self) -> None:
        if self._pending_request is not None:
            self.bridge.approval.wait(self._pending_request)

    def _others(self, model: str) -> list[str]:
        known = self.bridge.models.cached(self.account)
        return (
            [alternative for alternative in known.alternatives(model) if self.caller.may_use(alternative)]
            if known
            else []
        )

    def before_sending(self, entry: RequestLogEntry, model: Model, size: int) -> None:
        """Reserve in the budgets what a request may cost.

        :param size: of its body, in bytes.
        :raises BridgeError: "quota": a budget is used up; "rate_limited": the rest of it is reserved.
        """
        prompt = estimated_prompt(model, size)
        self._model, self._prompt_estimate = model, prompt
        if self._reservation is None:
            self._reservation = self.bridge.budgets.reserve(
                self._payers(entry), lambda: estimated_charge(entry, model, prompt), self._quota_reset
            )

    def watch_prompt(
        self, body: JsonObject, size: int, fields: PromptFields | None, signals: Signals, caller: str
    ) -> None:
        """Have the digests of a prompt made while Copilot responds, if there is a log that wants them.

        :param body: as it is sent.  :param size: its bytes.
        :param fields: those of the prompt in it; None: there is no cache.
        """
        if fields is None or not self.bridge.request_log_writer.enabled:
            return
        self._is_short = size < MIN_SIZE
        if not self._is_short:
            self._prompt = PromptInFlight(self.bridge.prompt_hashes, body, fields, signals, caller)
            run_soon(self._prompt.digest)

    def _payers(self, entry: RequestLogEntry) -> dict[str, str]:
        """The key, login and conversation that a request counts for, by their names in the log."""
        return {
            KEY: entry.caller_id or LOCAL_OPERATOR.id,
            LOGIN: self.account_label,
            CONVERSATION: entry.session or "",
        }

    @property
    def account_label(self) -> str:
        """The account's name in the log.  Raises LoginRequired."""
        return self.account.login or f"token {self.account.fingerprint[:8]}"

    def _quota_reset(self) -> float | None:
        """The next renewal of the plan's allowance, unix seconds; None: not known here."""
        left = self.quota
        return next((unix_time(left[name].resets_at) for name in METERS if name in left), None)

    @property
    def budget_header(self) -> str | None:
        return self._reservation.header if self._reservation else None

    def note_accepted(self, entry: RequestLogEntry, headers: Mapping[str, str]) -> None:
        """Note that Copilot has accepted the request, which is billed from now on."""
        entry.accepted = True
        entry.upstream_id = upstream_id(headers)

    def report_refusal(self, error: BridgeError, model: str, path: str) -> None:
        """Count an error in the middle of a response, which no status shows, as a refusal."""
        if self._admission is not None:
            self._admission.note_refusal(error, model, path)

    def release_limits(self) -> None:
        """Release the limits that the request has used."""
        if self._admission is not None:
            self._admission.release()

    def write_log(self, entry: RequestLogEntry) -> None:
        """Write the row of the request log, and count the request."""
        if self._admission is not None:
            entry.queue = self._admission.waited
        if self._copilot is not None:
            waits = self._copilot.waits
            entry.token, entry.catalogue, entry.connection = waits.token, waits.catalogue, waits.connection
            entry.retries = self._copilot.retries
            entry.uploaded, entry.spared = self._copilot.uploaded, self._copilot.spared or None
        if self._model is not None:
            charged = note_charge(entry, self._model, self._prompt_estimate) if entry.accepted else None
            if self._is_short and entry.tokens_in is not None and not entry.tokens_cached:
                entry.verdict = SHORT
            self.bridge.budgets.settle(self._reservation, self._payers(entry), charged)
        left: dict[str, QuotaSnapshot] = {}
        if self._account is not None:
            entry.account = self.account_label
            left = self.quota
            entry.quota = next((left[name].percent_remaining for name in METERS if name in left), None)
        self.bridge.request_log_writer.end(finished_row(entry), self._prompt_use(entry))
        self.bridge.metrics.count_request(entry, self._copilot.errors if self._copilot else (), left)
        if self.bridge.telemetry is not None:
            self.bridge.telemetry.record(entry)

    def _prompt_use(self, entry: RequestLogEntry) -> PromptUse | None:
        """The request's use of the prompt cache; None: it is not known."""
        if self._prompt is None or self._model is None or not entry.accepted:
            return None
        return self._prompt.use(entry, self._model)

    def usage(self) -> dict[str, Any]:
        """Return GitHub's report on the account; its owner is named only to the operator and the owner."""
        report = self.bridge.usage_reports.get(self.account)
        return report if self.caller.operator or self.caller.owns_account else quotas_only(report)

    @property
    def quota(self) -> dict[str, QuotaSnapshot]:
        """The quotas of the account, as its last responses in this process reported them."""
        return self.bridge.quota_snapshots.noted(self.account)

    def note_quota(self, headers: dict[str, str]) -> None:
        if headers:
            self.bridge.quota_snapshots.note(self.account, headers)
