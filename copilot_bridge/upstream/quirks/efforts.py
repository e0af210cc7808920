"""How hard to think: the words for it, and the nearest that a model knows."""

from collections.abc import Sequence

from copilot_bridge.errors import InvalidRequest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


ROOM = 4_096  # tokens to say something in, after the thinking


def nearest(wanted: object, known: Sequence[str], field: str) -> str | None:
    """The nearest below among those that the model has, else its least; None if it has none.

    :param field: that says it.
    :raises InvalidRequest: there is no such effort.
    """
    if wanted in known:
        return str(wanted)
    if wanted not in EFFORTS:
        raise InvalidRequest(f"{field}: expected {', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}", param=field)
    ranked = [each for each in EFFORTS if each in known]
    rank = EFFORTS.index(str(wanted))
    below = [each for each in ranked if EFFORTS.index(each) <= rank] or ranked[:1]
    return below[-1] if below else None


def budget_within(wanted: int, limit: int, most: int, least: int) -> int | None:
    """Tokens to think in; None: there is no room for it.

    What a client asks for it gets, and be the rest of the answer short.  More than the whole answer may have
    is a word of effort, or nobody's meaning: then there is room left for what is said.
    """
    tokens = min(most, max(least, wanted if wanted < limit else limit - min(ROOM, limit // 2)))
    return tokens if tokens < limit else None
