"""One request to one of Copilot's APIs: what is done to it before it is sent, and after each refusal."""

import logging
import re
from collections.abc import Iterator

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.upstream.error_mapping import ADAPTABLE, FINAL, Refusal
from copilot_bridge.upstream.recovery.acts import ACTS
from copilot_bridge.upstream.recovery.answer_tool import asks_by_tool
from copilot_bridge.upstream.recovery.binding import is_kept, what_binds
from copilot_bridge.upstream.recovery.case import Case, Headers
from copilot_bridge.upstream.recovery.learned import Learned, Lesson
from copilot_bridge.upstream.recovery.naming import Told, names_binding
from copilot_bridge.upstream.recovery.paths import Json
from copilot_bridge.upstream.recovery.table import Row, fitting

log = logging.getLogger(__name__)

# Of what binds the answer, that which a client is told by its own name for it.
TOLD = ("output_format", "stop", "tool_choice", "tools")


class Mending:
    """:param account: its fingerprint.  :param api: spoken to Copilot.  :param dialect: the client's."""

    def __init__(self, learned: Learned, account: str, api: str, model: str, dialect: str) -> None:
        self._learned = learned
        self._account = account
        self._api = api
        self._model = model
        self._dialect = dialect
        self._done: set[Lesson] = set()
        self.by_tool = False  # the answer comes as the input of a tool
        self.stops: tuple[str, ...] = ()  # by which the answer is cut here
        self.lost: list[str] = []  # for the log: what was said otherwise after refusals of this request

    def prepare(self, body: Json, headers: Headers) -> bool:
        """Say what was refused before otherwise at once.  False: nothing had to change."""
        known = self._learned.of(self._account, self._api, self._model)
        changes = [self._act(lesson, body, headers) for lesson in known] if known else []
        return any(changes)

    def mend(self, refusal: Refusal, body: Json, headers: Headers) -> bool:
        """Say what was refused otherwise.  Each in one way, once.

        :raises Refusal: it binds the answer: named as the client knows it.
        """
        if refusal.status not in ADAPTABLE or refusal.kind in FINAL:
            return False
        told = Told(f"{refusal.code or ''} {refusal}".strip(), refusal.param, refusal.code, self._api, body)
        for row, lesson in lessons_of(told):
            if lesson not in self._done and self._act(lesson, body, headers):
                self._done.add(lesson)
                self._note(row, lesson)
                return True
        self._explain(told, refusal)
        return False

    def _act(self, lesson: Lesson, body: Json, headers: Headers) -> bool:
        act = ACTS.get(lesson.act)
        case = Case(self._api, body, headers, lesson.subject, lesson.value)
        changed = bool(act and act(case))
        self.stops += case.stops
        self.by_tool |= changed and lesson.act == BY_TOOL and asks_by_tool(body)
        return changed

    def _note(self, row: Row, lesson: Lesson) -> None:
        self.lost.append(row.lost or lesson.subject or lesson.act)
        log.info("%s refuses it: once more without %s", self._model, self.lost[-1])
        if row.lasting:
            self._learned.learn(self._account, self._api, self._model, lesson)

    def _explain(self, told: Told, refusal: Refusal) -> None:
        """Raises Refusal: what binds the answer is refused."""
        for path in names_binding(told) if refusal.kind == "invalid_request" else ():
            what = what_binds(self._api, path)
            if what in TOLD and is_kept(self._api, path):
                raise bound(DIALECTS[self._dialect].field_path(what), self._model, refusal)


BY_TOOL = "answer by tool"


def bound(name: str, model: str, refusal: Refusal) -> Refusal:
    """The refusal, with the field as the client calls it."""
    named = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", str(refusal))
    says = str(refusal) if named else f"{name}: {model!r} does not take this: {refusal}"
    explained = Refusal(
        says, kind="invalid_request", code=refusal.code, param=name, status=400, headers=refusal.headers
    )
    explained.quotes_request = True
    return explained


def lessons_of(told: Told) -> Iterator[tuple[Row, Lesson]]:
    for row, found in fitting(told):
        for subject, value in row.read(told, found):
            yield row, Lesson(row.act, subject, value)
