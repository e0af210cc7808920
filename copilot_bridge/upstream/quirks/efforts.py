"""Reasoning efforts: their order, and the nearest one that a model has."""

from collections.abc import Sequence

from copilot_bridge.errors import InvalidRequest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


MIN_RESPONSE = 4_096  # tokens of a response after the thinking


def nearest(wanted: object, known: Sequence[str], field: str) -> str | None:
    """The nearest effort below that the model has, else its lowest; None if it has none.

    :param field: the field with the effort.
    :raises InvalidRequest: there is no such effort.
    """
    if wanted in known:
        return str(wanted)
    if wanted not in EFFORTS:
        raise InvalidRequest(f"{field}: expected {', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}", param=field)
    ranked = [effort for effort in EFFORTS if effort in known]
    rank = EFFORTS.index(str(wanted))
    below = [effort for effort in ranked if EFFORTS.index(effort) <= rank] or ranked[:1]
    return below[-1] if below else None


def budget_within(wanted: int, limit: int, maximum: int, minimum: int) -> int | None:
    """The budget of tokens for thinking; None: the limit leaves no room for one.

    A client gets the budget that it asks for, even if that leaves little for the rest of the response.  A
    budget of more than the whole response stands for an effort: then some room is left for the rest.
    """
    tokens = min(maximum, max(minimum, wanted if wanted < limit else limit - min(MIN_RESPONSE, limit // 2)))
    return tokens if tokens < limit else None
