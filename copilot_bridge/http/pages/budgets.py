"""Budgets, as the pages show them."""

from copilot_bridge.admin.budgets import standings
from copilot_bridge.billing.budgets import Standing
from copilot_bridge.errors import StoreError
from copilot_bridge.pipeline import Bridge

NOTABLE = 50  # per cent, from which the home page shows a budget


def budgets_of(bridge: Bridge, percent: int = 0) -> list[Standing]:
    """The budgets, the fullest first.  [] also where the store can't be read.

    :param percent: the part that must be used.
    """
    try:
        found = standings(bridge.store)
    except StoreError:
        return []
    shown = (one for one in found if one.subject != "*" and one.percent >= percent)
    return sorted(shown, key=lambda one: -one.percent)
