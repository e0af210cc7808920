"""The stored GitHub logins, as the command line and the pages change them."""

from copilot_bridge.pipeline import CopilotServices
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.device_login import fetch_login


def add_account(bridge: CopilotServices, token: Secret) -> str:
    """Store a login, which requests use from now on, and return the user's name.  Raises BridgeError."""
    user = fetch_login(bridge.client, bridge.headers, bridge.hosts, token)
    bridge.logins.add(user, token, bridge.hosts.api)
    bridge.store.changes.bump()
    return user


def use_account(bridge: CopilotServices, user: str) -> bool:
    """Make a login the default one.  False: there is no such login."""
    found = bridge.logins.use(user, bridge.hosts.api)
    bridge.store.changes.bump()
    return found


def forget_account(bridge: CopilotServices, user: str) -> bool:
    """Remove a login and its Copilot token from this machine.  False: there is no such login."""
    for login in bridge.logins.all():
        if (login.user, login.host) == (user, bridge.hosts.api):
            bridge.store.key_values.remove(f"tokens/{Account(user, login.token, bridge.hosts).fingerprint}")
    found = bridge.logins.remove(user, bridge.hosts.api)
    bridge.store.changes.bump()
    return found
