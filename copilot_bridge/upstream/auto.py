"""The model "auto": Copilot picks a model for each conversation, at a lower price.

It exists in two versions.  The second is one call, POST /auto, and has tiers; accounts without it get 404
there.  The first opens a session, POST /models/session, and then returns which of its models suits a prompt.
Source: autoV2Fetcher.ts and automodeService.ts of microsoft/vscode (2026-08 to -10), and requests of the
Copilot CLI 1.0.102 (2026-11).
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from cachetools import TLRUCache, TTLCache

from copilot_bridge.billing.prices import amount, mapping
from copilot_bridge.config.settings import AUTO_TIERS
from copilot_bridge.errors import (
    BridgeError,
    ConfigError,
    KindName,
    StoreError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.key_value_store import KeyValueStore
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.bodies import read_whole

log = logging.getLogger(__name__)

AUTO = "auto"
TIERS = AUTO_TIERS
NAMES = (AUTO, *(f"{AUTO}:{tier}" for tier in TIERS))

TIMEOUT = 10.0  # seconds between two bytes; the official client waits for 5 in all
RETRY_DELAY = 0.3  # seconds, after a 503
REFRESH_AHEAD = 300.0  # seconds before a session ends: a long response must not outlive it
DEFAULT_TTL = 3600.0  # seconds, for sessions without an end
MAX_TTL = 24 * 3600.0
UNSUPPORTED_TTL = 3600.0  # seconds until an account is asked for the second version again
CACHE_SIZE = 20_000  # conversations
MAX_PROMPT = 16_000  # characters by which a model is picked
NO_PROMPT = "hi"

NOTHING_PICKED = "Copilot picked no model for 'auto': choose one"


@dataclass(frozen=True, slots=True)
class PickContext:
    """The context by which a model is picked.

    :param conversation: its id; "" outside any conversation.
    :param prompt: the user's last message.
    """

    conversation: str = ""
    prompt: str = ""
    has_image: bool = False


@dataclass(frozen=True)
class Pick:
    """A picked model.

    :param row: the model's row of the catalogue, but incomplete; {}: only its id is known.
    :param session: for the headers of each request.  :param until: unix seconds.
    :param discount: the part of the price that is taken off; None: not known.
    """

    model: str
    session: str
    until: float
    discount: float | None = None
    row: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, content: Mapping[str, Any] | None) -> "Pick | None":
        """Read back what `asdict` gave.  None: it is something else."""
        try:
            return cls(**content) if content else None
        except TypeError:
            return None


class AutoUnavailable(UpstreamRefused):
    """The account has no version of "auto"."""

    kind: KindName = "model_not_found"


def tier_of(name: str) -> str | None:
    """The tier in a client's name of the model; "": no tier.  None: the name means another model."""
    plain = name.strip().lower().rpartition("/")[2]
    if plain == AUTO:
        return ""
    return plain.removeprefix(f"{AUTO}:") if plain.startswith(f"{AUTO}:") else None


class AutoPicks:
    """One pick for each conversation, for as long as its session lasts.

    :param tier: the operator's, for requests that name none.
    """

    def __init__(
        self,
        store: KeyValueStore | None = None,
        tier: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._tier = tier
        self._clock = clock
        self._sleep = sleep
        self._picks: TLRUCache[str, Pick] = TLRUCache(CACHE_SIZE, lambda _key, pick, _now: pick.until, clock)
        self._unsupported: TTLCache[str, bool] = TTLCache(256, UNSUPPORTED_TTL, clock)
        self._flights: SingleFlight[Pick] = SingleFlight()

    def pick(
        self, copilot: Copilot, tier: str, context: PickContext, fits: Callable[[Pick], bool] = lambda _: True
    ) -> Pick:
        """Return the pick for a conversation; a new one if no earlier one fits.

        :param fits: returns whether an earlier pick still fits.
        :raises AutoUnavailable: the account has no automatic choice of models.
        :raises BridgeError: Copilot refuses.
        """
        tier = tier or self._tier or ""
        key = key_of(copilot, tier, context)
        cached = self._picks.get(key) or self._stored(key)
        if cached and fits(cached):
            return cached
        return self._flights.do(key, lambda: self._pick(copilot, tier, context, key))

    def forget(self, copilot: Copilot, tier: str, context: PickContext) -> None:
        """Drop a pick after Copilot has refused its session or its model."""
        key = key_of(copilot, tier or self._tier or "", context)
        self._picks.pop(key, None)
        self._write(key, {})

    def _stored(self, key: str) -> Pick | None:
        pick = Pick.read(self._store.read(f"auto/{key}")) if self._store else None
        if pick and self._clock() < pick.until:
            self._picks[key] = pick
            return pick
        return None

    def _write(self, key: str, content: Mapping[str, Any]) -> None:
        """Store a pick.  If that fails, it is used by this process all the same."""
        if self._store:
            try:
                self._store.write(f"auto/{key}", content)
                self._store.prune("auto/", MAX_TTL)
            except (StoreError, ConfigError) as error:
                log.warning("the pick of 'auto' can't be stored, so it is kept in memory only: %s", error)

    def _pick(self, copilot: Copilot, tier: str, context: PickContext, key: str) -> Pick:
        pick = self._fetch(copilot, tier, context)
        log.info("auto%s is %s", f":{tier}" if tier else "", pick.model)
        self._picks[key] = pick
        self._write(key, asdict(pick))
        return pick

    def _fetch(self, copilot: Copilot, tier: str, context: PickContext) -> Pick:
        """Ask the second version, or the first if the second is missing or does not respond."""
        failure: BridgeError | None = None
        if copilot.account.fingerprint not in self._unsupported:
            try:
                return self._second_version(copilot, tier, context)
            except (UpstreamRefused, UpstreamTimeout, UpstreamUnreachable) as error:
                if error.status == 404:
                    self._unsupported[copilot.account.fingerprint] = True
                else:
                    failure = error
                log.info("POST /auto: %s; asking the first version", error)
        try:
            return self._first_version(copilot, context)
        except BridgeError as error:
            if failure:
                raise failure from error
            if error.status == 404:
                raise AutoUnavailable("this plan has no automatic choice of model", param="model") from error
            raise

    def _second_version(self, copilot: Copilot, tier: str, context: PickContext) -> Pick:
        body: dict[str, Any] = {
            "prompt": prompt_of(context),
            "has_image": context.has_image,
            "multi_turn": {"routing_intent": "anchor", "turns_since_anchor": 0},
        }
        sent = orjson.dumps(body | ({"tier": tier} if tier else {}))
        try:
            response = read_object(copilot, "/auto", sent)
        except UpstreamRefused as refused:
            if refused.status != 503:
                raise
            self._sleep(RETRY_DELAY)
            response = read_object(copilot, "/auto", sent)
        return self._read(response, response.get("selected_model"))

    def _first_version(self, copilot: Copilot, context: PickContext) -> Pick:
        response = read_object(copilot, "/models/session", orjson.dumps(HINTS))
        available = [model for model in listed(response.get("available_models")) if isinstance(model, str)]
        default = response.get("selected_model") or next(iter(available), None)
        return self._read(response, self._by_intent(copilot, context, response, available) or default)

    def _by_intent(
        self, copilot: Copilot, context: PickContext, response: Mapping[str, Any], available: list[str]
    ) -> object:
        """The session's model that suits the prompt; None if Copilot names none."""
        body = {
            "prompt": prompt_of(context),
            "available_models": available,
            "has_image": context.has_image,
            "routing_intent": "anchor",
            "turns_since_anchor": 0,
        }
        session = {"Copilot-Session-Token": str(response.get("session_token"))}
        try:
            found = read_object(copilot, "/models/session/intent", orjson.dumps(body), session)
        except BridgeError as error:
            log.debug("Copilot suggested no model for the prompt: %s", error)
            return None
        return found.get("chosen_model") or next(iter(listed(found.get("candidate_models"))), None)

    def _read(self, response: Mapping[str, Any], selected: object) -> Pick:
        """The pick in a response.

        :raises UpstreamRefused: a model or a session is missing.
        """
        row = mapping(selected)
        model, session = row.get("id") or selected, response.get("session_token")
        if not isinstance(model, str) or model.strip().lower() == AUTO or not isinstance(session, str):
            raise UpstreamRefused(NOTHING_PICKED)
        now = self._clock()
        life = (amount(response.get("expires_at")) or 0.0) - now
        life = min(life, MAX_TTL) if life > 0 else DEFAULT_TTL
        discount = amount(mapping(response.get("discounted_costs")).get(model))
        return Pick(model, session, now + max(life - REFRESH_AHEAD, life / 2), discount, row)


HINTS = {"auto_mode": {"model_hints": [AUTO]}}


def key_of(copilot: Copilot, tier: str, context: PickContext) -> str:
    text = f"{copilot.account.fingerprint}\0{tier}\0{context.conversation}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def prompt_of(context: PickContext) -> str:
    text = context.prompt.strip()[:MAX_PROMPT] or NO_PROMPT
    return text.encode("utf-8", "replace").decode()


def read_object(
    copilot: Copilot, path: str, body: bytes, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object of a response.

    :raises UpstreamRefused: it is something else.
    """
    response = copilot.send("POST", path, body, headers, timeout=TIMEOUT)
    try:
        content = orjson.loads(read_whole(response))
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused(NOTHING_PICKED) from error
    if not isinstance(content, dict):
        raise UpstreamRefused(NOTHING_PICKED)
    return content


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
