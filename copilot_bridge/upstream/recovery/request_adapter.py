"""The changes to a request before it is sent and after each refusal.

The rules and acts are imported with the first refusal or lesson, which most processes never see.
"""

import logging
import re
from typing import TYPE_CHECKING

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.upstream.error_mapping import ADAPTABLE, FINAL, Refusal
from copilot_bridge.upstream.recovery.case import Headers
from copilot_bridge.upstream.recovery.learned import Learned, Lesson
from copilot_bridge.upstream.recovery.output_tool import asks_by_tool
from copilot_bridge.upstream.recovery.paths import Json

if TYPE_CHECKING:
    from copilot_bridge.upstream.recovery.naming import RefusalContext
    from copilot_bridge.upstream.recovery.table import RecoveryRule

log = logging.getLogger(__name__)

# Binding aspects whose refusal is explained to the client by the client's name of the field.
EXPLAINED = ("output_format", "stop", "tool_choice", "tools")


class RequestAdapter:
    """Adapts one request to Copilot's refusals.

    :param account: its fingerprint.
    :param api: the API of Copilot.  :param dialect: the client's.
    """

    def __init__(self, learned: Learned, account: str, api: str, model: str, dialect: str) -> None:
        self._learned = learned
        self._account = account
        self._api = api
        self._model = model
        self._dialect = dialect
        self._done: set[Lesson] = set()
        self.by_tool = False  # the response comes as the input of a tool
        self.stops: tuple[str, ...] = ()  # the stop sequences at which the bridge cuts the response
        self.lost: list[str] = []  # for the log: what was changed after refusals

    def prepare(self, body: Json, headers: Headers) -> bool:
        """Apply the lessons of earlier refusals.  False: nothing had to change."""
        known = self._learned.of(self._account, self._api, self._model)
        changes = [self._act(lesson, body, headers) for lesson in known] if known else []
        return any(changes)

    def adapt(self, refusal: Refusal, body: Json, headers: Headers) -> bool:
        """Change the body so that upstream accepts it.  Each act is tried once.

        :raises Refusal: the refused field binds the response; the message has the client's name of it.
        """
        if refusal.status not in ADAPTABLE or refusal.kind in FINAL:
            return False
        from copilot_bridge.upstream.recovery.naming import RefusalContext
        from copilot_bridge.upstream.recovery.table import lessons_of

        context = RefusalContext(
            f"{refusal.code or ''} {refusal}".strip(), refusal.param, refusal.code, self._api, body
        )
        for rule, lesson in lessons_of(context):
            if lesson not in self._done and self._act(lesson, body, headers):
                self._done.add(lesson)
                self._note(rule, lesson)
                return True
        self._explain(context, refusal)
        return False

    def _act(self, lesson: Lesson, body: Json, headers: Headers) -> bool:
        from copilot_bridge.upstream.recovery.acts import ACTS
        from copilot_bridge.upstream.recovery.case import Case

        act = ACTS.get(lesson.act)
        case = Case(self._api, body, headers, lesson.subject, lesson.value)
        changed = bool(act and act(case))
        self.stops += case.stops
        self.by_tool |= changed and lesson.act == BY_TOOL and asks_by_tool(body)
        return changed

    def _note(self, rule: "RecoveryRule", lesson: Lesson) -> None:
        self.lost.append(rule.lost or lesson.subject or lesson.act)
        log.info("%s refuses the request: sending it once more without %s", self._model, self.lost[-1])
        if rule.lasting:
            self._learned.learn(self._account, self._api, self._model, lesson)

    def _explain(self, context: "RefusalContext", refusal: Refusal) -> None:
        """Explain the refusal of a field that binds the response.

        :raises Refusal: it is such a field.
        """
        from copilot_bridge.upstream.recovery.binding import is_kept, what_binds
        from copilot_bridge.upstream.recovery.naming import names_binding

        for path in names_binding(context) if refusal.kind == "invalid_request" else ():
            what = what_binds(self._api, path)
            if what in EXPLAINED and is_kept(self._api, path):
                raise explained_refusal(DIALECTS[self._dialect].field_path(what), self._model, refusal)


BY_TOOL = "output by tool"


def explained_refusal(name: str, model: str, refusal: Refusal) -> Refusal:
    """The refusal with the client's name of the field."""
    named = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", str(refusal))
    message = str(refusal) if named else f"{name}: {model!r} does not accept this: {refusal}"
    explained = Refusal(
        message, kind="invalid_request", code=refusal.code, param=name, status=400, headers=refusal.headers
    )
    explained.quotes_request = True
    return explained
