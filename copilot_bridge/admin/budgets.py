"""Budgets for keys, logins and conversations, by the names that people have for them."""

from copilot_bridge.access.authentication import GITHUB_ID_PREFIX, LOCAL_OPERATOR
from copilot_bridge.billing.budgets import ALL, CONVERSATION, EACH, KEY, LOGIN, Budget, BudgetLimit, Standing
from copilot_bridge.errors import ConfigError
from copilot_bridge.store import Store
from copilot_bridge.store.logged_request import SHORT_ID

# Names in the log that no stored key has: keys of the settings, and callers with a GitHub token of their own.
OTHER_CALLERS = ("key:", "share:", GITHUB_ID_PREFIX)


def read_limit(text: str) -> BudgetLimit:
    """Parse a limit like `500/month`.  Raises ConfigError."""
    try:
        return BudgetLimit.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def read_limits(text: str) -> tuple[BudgetLimit, ...]:
    """Parse limits that are separated by commas, like `500/month, 20 usd/week`.  Raises ConfigError."""
    limits = tuple(read_limit(part) for part in text.split(",") if part.strip())
    if len({(limit.unit, limit.period) for limit in limits}) < len(limits):
        raise ConfigError("there are two budgets of the same unit and time")
    return limits


def set_budget(store: Store, scope: str, subject: str, limit: BudgetLimit) -> Budget:
    """Set a budget, or change its amount.  Raises ConfigError, StoreError."""
    budget = Budget(scope, subject_of(store, scope, subject), limit)
    store.budgets.put(budget)
    store.changes.bump()
    return budget


def replace_budgets(store: Store, scope: str, subject: str, limits: tuple[BudgetLimit, ...]) -> None:
    """Set these budgets of a subject, and remove its others.  Raises ConfigError, StoreError."""
    kept = {(limit.unit, limit.period) for limit in limits}
    store.budgets.remove(
        tuple(
            budget
            for budget in budgets_of(store, scope, subject)
            if (budget.limit.unit, budget.limit.period) not in kept
        )
    )
    for limit in limits:
        store.budgets.put(Budget(scope, subject_of(store, scope, subject), limit))
    store.changes.bump()


def clear_budgets(store: Store, scope: str, subject: str) -> tuple[Budget, ...]:
    """Remove the budgets of a subject, and return them.  Raises ConfigError, StoreError."""
    found = budgets_of(store, scope, subject)
    store.budgets.remove(found)
    store.changes.bump()
    return found


def budgets_of(store: Store, scope: str, subject: str) -> tuple[Budget, ...]:
    names = {subject, subject if scope != KEY else caller_id(store, subject) or subject}
    return tuple(
        budget for budget in store.budgets.all() if budget.scope == scope and budget.subject in names
    )


def subject_of(store: Store, scope: str, subject: str) -> str:
    """The name that the log has for a subject.  Raises ConfigError: there is nothing of this name."""
    if scope == ALL or subject == EACH:
        return subject
    if scope == CONVERSATION:
        return subject[:SHORT_ID]
    if scope == LOGIN:
        if not store.logins.find(subject):
            raise ConfigError(f"no login of {subject!r} is stored: see `copilot-bridge auth list`")
        return subject
    found = caller_id(store, subject)
    if found is None:
        raise ConfigError(f"there is no key of the name {subject!r}: see `copilot-bridge keys list`")
    return found


def caller_id(store: Store, name: str) -> str | None:
    """The id of a stored key or share token; of another caller, the name is its id."""
    if name == LOCAL_OPERATOR.id or name.startswith(OTHER_CALLERS):
        return name
    return next((key.id for key in store.keys.all() if key.name == name), None)


def standings(store: Store) -> list[Standing]:
    """Return the use of all budgets.  A budget of each subject is listed for those that have used it."""
    return store.budgets.all_standings()
