"""Attribution of a request: the signals to GitHub, and the model that "auto" stands for."""

from collections.abc import Mapping
from copy import copy

from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.response_store import caller_of
from copilot_bridge.store.logged_request import SHORT_ID
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.error_mapping import Refusal
from copilot_bridge.upstream.signals import Signals


class Attribution:
    """Attributes a request to a conversation, and to the user or an agent.

    It has to be made before the body is changed.

    :param kind: of call, if it is known independently of the client.
    :ivar caller: the name under which this caller's state is kept.
    :raises LoginRequired: there is no account.
    """

    def __init__(
        self,
        context: RequestContext,
        entry: RequestLogEntry,
        headers: Mapping[str, str],
        conversation: Conversation,
        kind: str | None,
    ) -> None:
        self.caller = caller = caller_of(context.caller, context.account.fingerprint, headers)
        self._context = context
        self._entry = entry
        self.signals: Signals = context.bridge.interactions.signals(caller, conversation, headers, kind)
        self._prompt = conversation.last or conversation.first
        self._pick_context: PickContext | None = None
        self._resolved: ResolvedModel | None = None
        self._picked_again = False
        entry.initiator, entry.session = self.signals.initiator, self.signals.session[:SHORT_ID]
        entry.interaction, entry.kind = self.signals.interaction[:SHORT_ID], self.signals.type

    def continued(self) -> "Attribution":
        """Return the attribution of a call that goes on with this one, as an agent's tool loop does."""
        found = copy(self)
        found.signals = self.signals.for_replay()
        return found

    def pick_context(self, has_image: bool) -> PickContext:
        """Return the context in which "auto" picks a model.

        :param has_image: whether the request has an image.
        """
        self._pick_context = self._pick_context or PickContext(self.signals.thread, self._prompt, has_image)
        return self._pick_context

    def note_resolved(self, resolved: ResolvedModel) -> None:
        self._resolved = resolved
        self._entry.discount = resolved.discount

    def choose_again(self, refused: BridgeError) -> bool:
        """Forget the model that Copilot picked for "auto" and now refuses, once.  Returns whether it did."""
        resolved, pick_context = self._resolved, self._pick_context
        if resolved is None or resolved.auto is None or pick_context is None or self._picked_again:
            return False
        stale = isinstance(refused, Refusal) and refused.stale_session
        if not stale and refused.kind != "model_not_found":
            return False
        self._picked_again = True
        self._context.models.forget_pick(self._context.copilot(), resolved, pick_context)
        return True
