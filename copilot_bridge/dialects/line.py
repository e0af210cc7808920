"""Parts that upstream tells at the same time, told one after the other."""

from collections import OrderedDict
from typing import Any


class Line:
    """One part is open; what comes of others stands in line until that one is complete.

    `open`: upstream's place for it.  None: no part is open, or one that may be left at any time.
    """

    def __init__(self) -> None:
        self.open: object = None
        self._waiting: OrderedDict[object, list[Any]] = OrderedDict()

    def hold(self, place: object, told: Any) -> bool:
        """False: it need not wait.  What belongs to no place (None) never does."""
        if place is None or self.open is None or place == self.open:
            return False
        self._waiting.setdefault(place, []).append(told)
        return True

    def next(self) -> list[Any]:
        """All that has come of the first in the line; [] if it is empty, or a part is still open."""
        if self.open is not None or not self._waiting:
            return []
        return self._waiting.popitem(last=False)[1]
