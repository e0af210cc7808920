"""Creates and changes callers' keys, whose rights are given as texts."""

import re
import time

from copilot_bridge.access.rates import RateLimit, parse_duration
from copilot_bridge.admin.budgets import read_limits, replace_budgets, set_budget
from copilot_bridge.billing.budgets import KEY as KEY_SCOPE
from copilot_bridge.errors import ConfigError, InvalidRequest
from copilot_bridge.store import Store
from copilot_bridge.store.keys import Key

NUMBERED = re.compile(r"#\d+$")


def make_key(
    store: Store,
    name: str,
    kind: str,
    account: str = "",
    models: str = "",
    rate: str = "",
    expires: str = "",
    operator: bool = False,
    budget: str = "",
    web: bool = True,
) -> str:
    """Create a key, and return it.  Raises ConfigError, InvalidRequest, StoreError."""
    check_lasting(store)
    if not name.strip() or not name.isprintable() or len(name) > 64:
        raise InvalidRequest("a key's name has 1 to 64 printable characters")
    if NUMBERED.search(name):
        raise InvalidRequest(
            "a key's name does not end with # and a number: that is how its successors are named"
        )
    limits = read_limits(budget)
    patterns, until = checked(store, account, models, rate, expires)
    secret = store.keys.add(
        Key(name, kind, b"", account, patterns, rate, expires=until, operator=operator, web=web)
    )
    for limit in limits:
        set_budget(store, KEY_SCOPE, name, limit)
    return secret


def change_key(
    store: Store,
    name: str,
    kind: str,
    *,
    account: str,
    models: str,
    rate: str,
    expires: str | None,
    budget: str,
    web: bool,
) -> bool:
    """Change the limits of a key.  False: there is no such key.

    :param expires: a span from now on, "": never; None: it stays as it is.
    :param budget: limits, separated by commas; those that it does not name are removed.
    :raises ConfigError, StoreError:
    """
    patterns, until = checked(store, account, models, rate, expires or "")
    limits = read_limits(budget)
    until_then = None if expires is None else until
    found = store.keys.change(
        name, kind, account=account, models=patterns, rate=rate, expires=until_then, web=web
    )
    if found:
        replace_budgets(store, KEY_SCOPE, name, limits)
    return found


def checked(store: Store, account: str, models: str, rate: str, expires: str) -> tuple[tuple[str, ...], int]:
    """Parse a key's patterns of models, and its expiry in unix seconds.  Raises ConfigError."""
    if account and not store.logins.find(account):
        raise ConfigError(f"no login of {account!r} is stored: see `copilot-bridge auth list`")
    try:
        if rate:
            RateLimit.parse(rate)
        until = int(time.time()) + parse_duration(expires) if expires else 0
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return tuple(model.strip() for model in models.split(",") if model.strip()), until


def check_lasting(store: Store) -> None:
    if not store.database.persistent:
        raise ConfigError("there is no store for the key: leave out --no-persist, or use --api-key")
