"""What Copilot wants to be left alone, and for how long: the model or the path that it refused, no more.

A rest is kept in the store, so it holds for all workers and over a restart; memory stands in front of it.
Its end is told to everybody who comes meanwhile, and Copilot hears nothing of them.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable
from itertools import islice

from copilot_bridge.access.reloading_cache import ReloadingCache
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.store.cooldowns import Cooldown, CooldownTable
from copilot_bridge.waits import Wait, clock_time, header, in_short, retry_after

log = logging.getLogger(__name__)

MODEL, PATH, ACCOUNT = "model", "path", "account"

# What a refusal is about, by its code and, where there is none, its text; the first row that fits counts.
# All others are about what was asked for: a model, where it was a conversation, else the path.
SCOPES = (
    (r"^user_model_|^model_", MODEL),
    (r"^[a-z_]*(?:global|session|weekly)_", ACCOUNT),
    (r"^ .*\b(?:global|session|weekly) (?:rate )?limit", ACCOUNT),
)

# Paths that every conversation with a model goes through: what is refused there is the model.
MODEL_PATHS = re.compile(r"/chat/completions|/responses|(?:/v1)?/messages")

MAX_ALTERNATIVES = 5  # other models, in the message on one that rests

Alternatives = Callable[
    [str], Iterable[str]
]  # the models that could take the place of one, the nearest first


def no_alternatives(_model: str) -> Iterable[str]:
    return ()


class Cooldowns:
    """One for the process.

    :param clock: unix seconds.
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
        # Another machine's is a saving, not a rule: Copilot itself refuses what comes too early.
        self._cache = ReloadingCache(changes, self._read, config.store_timeout, waits_for_others=False)

    def check(
        self, account: str, model: str, path: str, alternatives: Alternatives = no_alternatives
    ) -> None:
        """Raises BridgeError "rate_limited": what Copilot said, and when it may be asked again."""
        self._cache.refresh()
        if not self._known:
            return
        now = self._clock()
        for key in ((account, "", ""), (account, model, ""), (account, "", path)):
            cooldown = self._known.get(key)
            if cooldown and cooldown.left(now):
                raise self._error(cooldown, now, alternatives)

    def note(self, account: str, error: BridgeError, model: str = "", path: str = "") -> None:
        """A refusal of Copilot's; one that says for how long it wants to be left alone is heeded."""
        seconds = retry_after(error.headers, str(error)) if error.kind == "rate_limited" else None
        if not seconds or not self._honors_retry_after:
            return
        now = self._clock()
        wait = Wait.of(seconds, now)
        model, path = scope_of(error, model, path)
        cooldown = Cooldown(account, wait.until, str(error), error.code, model, path, wait.since)
        self._known[cooldown.key] = cooldown
        log.warning(
            "%s is paused for %s, as Copilot asks: %s",
            cooldown.what,
            in_short(cooldown.left(now)),
            cooldown.message,
        )
        self._unwritten.append(cooldown)
        self._write()
        self._changes.bump()

    def of_account(self, account: str) -> list[Cooldown]:
        """Those of an account, the one that ends first first."""
        return [each for each in self.all() if each.account == account]

    def all(self) -> list[Cooldown]:
        self._cache.refresh()
        now = self._clock()
        return sorted((each for each in self._known.values() if each.left(now)), key=lambda each: each.until)

    def report(self) -> list[dict[str, object]]:
        """For programs; times are unix seconds.  `account`: the start of its fingerprint."""
        now = self._clock()
        return [
            {
                "what": each.what,
                "model": each.model or None,
                "path": each.path or None,
                "account": each.account[:8],
                "since": round(each.since),
                "until": round(each.until),
                "seconds_left": round(each.left(now)),
                "code": each.code,
                "message": each.message,
            }
            for each in self.all()
        ]

    def clear(self, name: str = "") -> list[Cooldown]:
        """End those of a model or a path, or all.  Gives what has ended.  Raises StoreError."""
        ended = [each for each in self.all() if not name or name in (each.model, each.path)]
        self._table.clear(*ended)
        for each in ended:
            self._known.pop(each.key, None)
        self._changes.bump()
        return ended

    def _error(self, cooldown: Cooldown, now: float, alternatives: Alternatives) -> BridgeError:
        left = cooldown.left(now)
        pause = f"{cooldown.what} is paused until {clock_time(cooldown.until)}, for {in_short(left)}"
        message = f"{pause}, as Copilot asked: {cooldown.message}"
        if cooldown.model:
            free = (
                each
                for each in alternatives(cooldown.model)
                if not self._is_paused(cooldown.account, each, now)
            )
            if named := ", ".join(islice(free, MAX_ALTERNATIVES)):
                message += f" (models that are not paused: {named})"
        return BridgeError(message, kind="rate_limited", code=cooldown.code, headers=header(max(left, 1.0)))

    def _is_paused(self, account: str, model: str, now: float) -> bool:
        cooldown = self._known.get((account, model, ""))
        return bool(cooldown and cooldown.left(now))

    def _read(self) -> None:
        try:
            self._write()
            known = {each.key: each for each in self._table.all(self._clock())}
        except StoreError as error:
            log.debug("the rests that are known stay in force: %s", error)
            return
        self._known = known | {each.key: each for each in self._unwritten}

    def _write(self) -> None:
        """What could not be written yet is tried again at the next look."""
        try:
            while self._unwritten:
                self._table.put(self._unwritten[0], self._clock())
                del self._unwritten[0]
        except StoreError as error:
            now = self._clock()
            self._unwritten = [each for each in self._unwritten if each.left(now)]
            log.debug("a rest is kept in memory only: %s", error)


def scope_of(error: BridgeError, model: str, path: str) -> tuple[str, str]:
    """The model or the path that a refusal is about; neither: the account."""
    text = error.code or f" {error}"
    about = next(
        (about for pattern, about in SCOPES if re.search(pattern, text, re.IGNORECASE | re.DOTALL)), ""
    )
    if about == ACCOUNT:
        return "", ""
    if model and (about == MODEL or MODEL_PATHS.fullmatch(path)):
        return model, ""
    return "", path
