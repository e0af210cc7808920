"""How hard to think: the words for it, and the nearest that a model knows."""

from collections.abc import Sequence

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def nearest(wanted: object, known: Sequence[str]) -> str | None:
    """The nearest below among those that the model has, else its least; None if it has none."""
    ranked = [each for each in EFFORTS if each in known]
    if wanted in ranked or not ranked:
        return str(wanted) if ranked else None
    rank = EFFORTS.index(str(wanted)) if wanted in EFFORTS else len(EFFORTS)
    return ([each for each in ranked if EFFORTS.index(each) <= rank] or ranked[:1])[-1]
