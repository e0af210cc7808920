"""Cooldowns: the models, paths and accounts that Copilot refuses for a while, and until when.

Cooldowns are kept in the store, so they hold for all workers and over a restart; a cache in memory serves
first.  Requests that come meanwhile are rejected with the end of the cooldown, and Copilot is not asked.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable
from itertools import islice
from operator import attrgetter

from copilot_bridge.access.reloading_cache import ReloadingCache
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.cooldowns import Cooldown, CooldownTable
from copilot_bridge.waits import Wait, format_duration, format_time, retry_after, retry_after_header

log = logging.getLogger(__name__)

MODEL, PATH, ACCOUNT = "model", "path", "account"

# The scope of a refusal, by its code or, without one, its text; the first match counts.  Without a match it
# is the model of a conversation, or else the path.
SCOPES = (
    (r"^user_model_|^model_", MODEL),
    (r"^[a-z_]*(?:global|session|weekly)_", ACCOUNT),
    (r"^ .*\b(?:global|session|weekly) (?:rate )?limit", ACCOUNT),
)

# The paths of conversations: a refusal there is about the model.
MODEL_PATHS = re.compile(r"/chat/completions|/responses|(?:/v1)?/messages")

MAX_ALTERNATIVES = 5  # other models that the message suggests

# Returns the models that could replace one, the most similar first.
Alternatives = Callable[[str], Iterable[str]]


def no_alternatives(_model: str) -> Iterable[str]:
    return ()


class Cooldowns:
    """The cooldowns that this process knows; one instance per process.

    :param clock: unix seconds.
    :ivar account_paused: called when a cooldown of a whole account starts.
    """

    def __init__(
        self,
        config: Config,
        table: CooldownTable,
        changes: ChangeCounter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._honors_retry_after = config.honor_retry_after
        self._table = table
        self._changes = changes
        self._clock = clock
        self._known: dict[tuple[str, str, str], Cooldown] = {}
        self._unwritten: list[Cooldown] = []
        self.account_paused: Callable[[], object] = lambda: None
        # A cooldown of another machine may be noticed late: Copilot itself refuses what comes too early.
        self._cache = ReloadingCache(changes, self._read, config.store_timeout, waits_for_others=False)

    def check(
        self, account: str, model: str, path: str, alternatives: Alternatives = no_alternatives
    ) -> None:
        """Rejects a request that a cooldown covers.  Raises BridgeError "rate_limited"."""
        self._cache.refresh()
        if not self._known:
            return
        now = self._clock()
        for key in ((account, "", ""), (account, model, ""), (account, "", path)):
            cooldown = self._known.get(key)
            if cooldown and cooldown.remaining(now):
                raise self._error(cooldown, now, alternatives)

    def note(self, account: str, error: BridgeError, model: str = "", path: str = "") -> None:
        """Starts a cooldown if a refusal of Copilot's says for how long."""
        seconds = retry_after(error.headers, str(error)) if error.kind == "rate_limited" else None
        if not seconds or not self._honors_retry_after:
            return
        now = self._clock()
        wait = Wait.of(seconds, now)
        model, path = scope_of(error, model, path)
        cooldown = Cooldown(account, wait.until, str(error), error.code, model, path, wait.since)
        self._known[cooldown.key] = cooldown
        log.warning(
            "Copilot refused %s; pausing it for %s: %s",
            cooldown.what,
            format_duration(cooldown.remaining(now)),
            cooldown.message,
        )
        self._unwritten.append(cooldown)
        self._write()
        self._changes.bump()
        if not (model or path):
            self.account_paused()

    def of_account(self, account: str) -> list[Cooldown]:
        """The cooldowns of an account, in the order of their ends."""
        return [cooldown for cooldown in self.all() if cooldown.account == account]

    def all(self) -> list[Cooldown]:
        self._cache.refresh()
        now = self._clock()
        running = (cooldown for cooldown in self._known.values() if cooldown.remaining(now))
        return sorted(running, key=attrgetter("until"))

    def report(self) -> list[dict[str, object]]:
        """The cooldowns as JSON; times are unix seconds.  `account`: the start of its fingerprint."""
        now = self._clock()
        return [
            {
                "what": cooldown.what,
                "model": cooldown.model or None,
                "path": cooldown.path or None,
                "account": cooldown.account[:8],
                "since": round(cooldown.since),
                "until": round(cooldown.until),
                "seconds_left": round(cooldown.remaining(now)),
                "code": cooldown.code,
                "message": cooldown.message,
            }
            for cooldown in self.all()
        ]

    def clear(self, name: str = "") -> list[Cooldown]:
        """Ends the cooldowns of a model or a path, or all, and returns them.  Raises StoreError."""
        ended = [cooldown for cooldown in self.all() if not name or name in (cooldown.model, cooldown.path)]
        self._table.clear(*ended)
        for cooldown in ended:
            self._known.pop(cooldown.key, None)
        self._changes.bump()
        return ended

    def _error(self, cooldown: Cooldown, now: float, alternatives: Alternatives) -> BridgeError:
        left = cooldown.remaining(now)
        pause = f"{cooldown.what} is paused until {format_time(cooldown.until)}, for {format_duration(left)}"
        message = f"{pause}, as Copilot requested: {cooldown.message}"
        if cooldown.model:
            free = (
                model
                for model in alternatives(cooldown.model)
                if not self._is_paused(cooldown.account, model, now)
            )
            if named := ", ".join(islice(free, MAX_ALTERNATIVES)):
                message += f" (models that are not paused: {named})"
        error = BridgeError(
            message, kind="rate_limited", code=cooldown.code, headers=retry_after_header(max(left, 1.0))
        )
        error.another_model = bool(cooldown.model)
        return error

    def _is_paused(self, account: str, model: str, now: float) -> bool:
        cooldown = self._known.get((account, model, ""))
        return bool(cooldown and cooldown.remaining(now))

    def _read(self) -> None:
        try:
            self._write()
            known = {cooldown.key: cooldown for cooldown in self._table.all(self._clock())}
        except StoreError as error:
            log.debug("the store can't be read, so the cooldowns in memory stay in force: %s", error)
            return
        self._known = known | {cooldown.key: cooldown for cooldown in self._unwritten}

    def _write(self) -> None:
        """Writes new cooldowns to the store; what fails is tried again at the next reload."""
        try:
            while self._unwritten:
                self._table.put(self._unwritten[0], self._clock())
                del self._unwritten[0]
        except StoreError as error:
            now = self._clock()
            self._unwritten = [cooldown for cooldown in self._unwritten if cooldown.remaining(now)]
            log.debug("a cooldown can't be stored, so it is kept in memory only: %s", error)


def scope_of(error: BridgeError, model: str, path: str) -> tuple[str, str]:
    """The model or the path that a refusal is about; neither: the whole account."""
    text = error.code or f" {error}"
    about = next(
        (about for pattern, about in SCOPES if re.search(pattern, text, re.IGNORECASE | re.DOTALL)), ""
    )
    if about == ACCOUNT:
        return "", ""
    if model and (about == MODEL or MODEL_PATHS.fullmatch(path)):
        return model, ""
    return "", path
