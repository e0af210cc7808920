"""The colours of series in charts: a model or a key keeps the one that it was given first."""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256

from copilot_bridge.errors import StoreError
from copilot_bridge.pipeline import Bridge

COLOURS = 8  # of the stylesheet
SLOTS = 2 * COLOURS  # each plain, and hatched
OTHERS = SLOTS  # what all small series share
KEPT = ("model", "key", "client", "account")  # of these there are few
MAX_NAMES = 500  # names that are remembered


def colours_of(bridge: Bridge, kind: str, names: Iterable[str]) -> dict[str, int]:
    """A number below SLOTS for each name.  :param kind: of the names, such as "model"."""
    wanted = list(names)
    if kind not in KEPT:
        return distinct(wanted)
    place = f"colours/{kind}"
    known = {name: int(colour) for name, colour in (bridge.store.key_values.read(place) or {}).items()}
    new = [name for name in wanted if name not in known]
    if new and len(known) < MAX_NAMES:
        known |= {name: (len(known) + index) % SLOTS for index, name in enumerate(new)}
        with suppress(StoreError):  # they are given again next time
            bridge.store.key_values.write(place, known)
    return {name: known.get(name, 0) for name in wanted}


def distinct(names: Iterable[str]) -> dict[str, int]:
    """The colours of names that are too many to remember: no two share one, while there are enough."""
    found: dict[str, int] = {}
    for name in names:
        free = [slot for slot in range(SLOTS) if slot not in found.values()] or [*range(SLOTS)]
        usual = sha256(name.encode()).digest()[0] % SLOTS
        found[name] = usual if usual in free else free[0]
    return found
