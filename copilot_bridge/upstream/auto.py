"""The model "auto": Copilot picks one for each conversation, and takes less for it.

Two versions of it are about.  The second is one call, POST /auto, and knows tiers; accounts that do not have
it get 404 there.  The first opens a session, POST /models/session, and may then be asked which of its models
suits a prompt.  Source: autoV2Fetcher.ts and automodeService.ts of microsoft/vscode (2026-08 to -10), and
requests of the Copilot CLI 1.0.102 (2026-11).
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

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
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.bodies import read_whole

log = logging.getLogger(__name__)

AUTO = "auto"
TIERS = AUTO_TIERS
NAMES = (AUTO, *(f"{AUTO}:{tier}" for tier in TIERS))

PATIENCE = 10.0  # seconds between two bytes; the official client waits for 5 in all
PAUSE = 0.3  # seconds, before one that was told 503 asks once more
AHEAD = 300.0  # seconds that a session has to last yet: a long answer must not outlive it
USUAL_LIFE = 3600.0  # seconds, where none is told
LONGEST_LIFE = 24 * 3600.0
GATED_FOR = 3600.0  # seconds for which an account that has no second version is not asked for it
MOST = 20_000  # conversations
LONGEST_PROMPT = 16_000  # characters that a model is picked by
NO_PROMPT = "hi"

NOTHING_PICKED = "Copilot picked no model for 'auto': name one"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a model is picked for.

    :param conversation: names it; "" for what belongs to none.
    :param prompt: what the person has said last.
    """

    conversation: str = ""
    prompt: str = ""
    has_image: bool = False


@dataclass(frozen=True)
class Pick:
    """:param row: of the model as in the list of models, but not whole; {} where only its id was told.

    :param session: belongs into each request's headers.  :param until: unix seconds.
    :param discount: part of the price that is taken off; None: not told.
    """

    model: str
    session: str
    until: float
    discount: float | None = None
    row: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, content: Mapping[str, Any] | None) -> "Pick | None":
        """Of its `asdict`.  None: it is something else."""
        try:
            return cls(**content) if content else None
        except TypeError:
            return None


class KeyValueStore(Protocol):
    """Where picks outlive the process, shared by all workers."""

    def read(self, name: str) -> dict[str, Any] | None: ...
    def write(self, name: str, content: Mapping[str, Any]) -> None: ...
    def prune(self, prefix: str, older: float) -> None: ...


class NotOffered(UpstreamRefused):
    """Neither version is there for this account."""

    kind: KindName = "model_not_found"


def tier_of(name: str) -> str | None:
    """Of a client's name for the model: "" where it names none.  None: it is another model."""
    plain = name.strip().lower().rpartition("/")[2]
    if plain == AUTO:
        return ""
    return plain.removeprefix(f"{AUTO}:") if plain.startswith(f"{AUTO}:") else None


class AutoPicks:
    """One pick for a conversation, for as long as its session lasts.

    :param tier: the operator's, for whoever names none.
    """

    def __init__(
        self,
        key_values: KeyValueStore | None = None,
        tier: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key_values = key_values
        self._tier = tier
        self._clock = clock
        self._sleep = sleep
        self._picks: TLRUCache[str, Pick] = TLRUCache(MOST, lambda _key, pick, _now: pick.until, clock)
        self._gated: TTLCache[str, bool] = TTLCache(256, GATED_FOR, clock)
        self._flights: SingleFlight[Pick] = SingleFlight()

    def pick(
        self, copilot: Copilot, tier: str, occasion: Occasion, fits: Callable[[Pick], bool] = lambda _: True
    ) -> Pick:
        """:param fits: whether an earlier pick still does.

        :raises NotOffered: and whatever Copilot says instead.
        """
        tier = tier or self._tier or ""
        key = key_of(copilot, tier, occasion)
        held = self._picks.get(key) or self._stored(key)
        if held and fits(held):
            return held
        return self._flights.do(key, lambda: self._picked(copilot, tier, occasion, key))

    def forget(self, copilot: Copilot, tier: str, occasion: Occasion) -> None:
        """Call when Copilot has refused the session, or the model."""
        key = key_of(copilot, tier or self._tier or "", occasion)
        self._picks.pop(key, None)
        self._write(key, {})

    def _stored(self, key: str) -> Pick | None:
        pick = Pick.read(self._key_values.read(f"auto/{key}")) if self._key_values else None
        if pick and self._clock() < pick.until:
            self._picks[key] = pick
            return pick
        return None

    def _write(self, key: str, content: Mapping[str, Any]) -> None:
        """What can't be written down serves this process all the same."""
        if self._key_values:
            try:
                self._key_values.write(f"auto/{key}", content)
                self._key_values.prune("auto/", LONGEST_LIFE)
            except (StoreError, ConfigError) as error:
                log.warning("which model 'auto' is, is kept in memory only: %s", error)

    def _picked(self, copilot: Copilot, tier: str, occasion: Occasion, key: str) -> Pick:
        pick = self._asked(copilot, tier, occasion)
        log.info("auto%s is %s", f":{tier}" if tier else "", pick.model)
        self._picks[key] = pick
        self._write(key, asdict(pick))
        return pick

    def _asked(self, copilot: Copilot, tier: str, occasion: Occasion) -> Pick:
        """By the second version, by the first where that is not there or does not answer."""
        trouble: BridgeError | None = None
        if copilot.account.fingerprint not in self._gated:
            try:
                return self._second_version(copilot, tier, occasion)
            except (UpstreamRefused, UpstreamTimeout, UpstreamUnreachable) as error:
                if error.status == 404:
                    self._gated[copilot.account.fingerprint] = True
                else:
                    trouble = error
                log.info("POST /auto: %s; the first version is asked", error)
        try:
            return self._first_version(copilot, occasion)
        except BridgeError as error:
            if trouble:
                raise trouble from error
            if error.status == 404:
                raise NotOffered("this plan has no automatic choice of model", param="model") from error
            raise

    def _second_version(self, copilot: Copilot, tier: str, occasion: Occasion) -> Pick:
        body: dict[str, Any] = {
            "prompt": prompt_of(occasion),
            "has_image": occasion.has_image,
            "multi_turn": {"routing_intent": "anchor", "turns_since_anchor": 0},
        }
        sent = orjson.dumps(body | ({"tier": tier} if tier else {}))
        try:
            told = read_object(copilot, "/auto", sent)
        except UpstreamRefused as refused:
            if refused.status != 503:
                raise
            self._sleep(PAUSE)
            told = read_object(copilot, "/auto", sent)
        return self._read(told, told.get("selected_model"))

    def _first_version(self, copilot: Copilot, occasion: Occasion) -> Pick:
        told = read_object(copilot, "/models/session", orjson.dumps(HINTS))
        available = [each for each in listed(told.get("available_models")) if isinstance(each, str)]
        usual = told.get("selected_model") or next(iter(available), None)
        return self._read(told, self._intended(copilot, occasion, told, available) or usual)

    def _intended(
        self, copilot: Copilot, occasion: Occasion, told: Mapping[str, Any], available: list[str]
    ) -> object:
        """Which of a session's models suits the prompt; None if nobody says so."""
        body = {
            "prompt": prompt_of(occasion),
            "available_models": available,
            "has_image": occasion.has_image,
            "routing_intent": "anchor",
            "turns_since_anchor": 0,
        }
        session = {"Copilot-Session-Token": str(told.get("session_token"))}
        try:
            found = read_object(copilot, "/models/session/intent", orjson.dumps(body), session)
        except BridgeError as error:
            log.debug("no intent: %s", error)
            return None
        return found.get("chosen_model") or next(iter(listed(found.get("candidate_models"))), None)

    def _read(self, told: Mapping[str, Any], selected: object) -> Pick:
        """Raises UpstreamRefused: no model is named, or no session."""
        row = mapping(selected)
        model, session = row.get("id") or selected, told.get("session_token")
        if not isinstance(model, str) or model.strip().lower() == AUTO or not isinstance(session, str):
            raise UpstreamRefused(NOTHING_PICKED)
        now = self._clock()
        life = (amount(told.get("expires_at")) or 0.0) - now
        life = min(life, LONGEST_LIFE) if life > 0 else USUAL_LIFE
        discount = amount(mapping(told.get("discounted_costs")).get(model))
        return Pick(model, session, now + max(life - AHEAD, life / 2), discount, row)


HINTS = {"auto_mode": {"model_hints": [AUTO]}}


def key_of(copilot: Copilot, tier: str, occasion: Occasion) -> str:
    said = f"{copilot.account.fingerprint}\0{tier}\0{occasion.conversation}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def prompt_of(occasion: Occasion) -> str:
    text = occasion.prompt.strip()[:LONGEST_PROMPT] or NO_PROMPT
    return text.encode("utf-8", "replace").decode()


def read_object(
    copilot: Copilot, path: str, body: bytes, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Raises UpstreamRefused: it is none."""
    response = copilot.send("POST", path, body, headers, timeout=PATIENCE)
    try:
        content = orjson.loads(read_whole(response))
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused(NOTHING_PICKED) from error
    if not isinstance(content, dict):
        raise UpstreamRefused(NOTHING_PICKED)
    return content


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
