"""Parts that upstream sends interleaved, given out one after the other."""

from collections import OrderedDict
from typing import Any


class PartReorderBuffer:
    """Holds back the events of other parts while one part is open.

    :param open: upstream's key of the open part; None: no part is open, or one that may be left at any time.
    """

    def __init__(self) -> None:
        self.open: object = None
        self._waiting: OrderedDict[object, list[Any]] = OrderedDict()

    def defer(self, key: object, event: Any) -> bool:
        """Keep the event of another part for later.  False: the event is due now.

        An event that belongs to no part (key None) is always due.
        """
        if key is None or self.open is None or key == self.open:
            return False
        self._waiting.setdefault(key, []).append(event)
        return True

    def pop_next(self) -> list[Any]:
        """Return all deferred events of the part that came first; [] while a part is open or none waits."""
        if self.open is not None or not self._waiting:
            return []
        return self._waiting.popitem(last=False)[1]
