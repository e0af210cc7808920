"""Hints at the end of an error that asks for a login."""

from contextlib import suppress

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, LoginRequired


def with_hint(error: LoginRequired, config: Config) -> LoginRequired:
    """The error, with the source of the token that was refused and the stored login that it hides."""
    hint = hint_for(config)
    return LoginRequired(f"{error}; {hint}") if hint and hint not in str(error) else error


def hint_for(config: Config) -> str:
    if config.github_token:
        return hidden_login(config)
    return "a demo is running: --simulate works on it" if demo_runs(config) else ""


def hidden_login(config: Config) -> str:
    """Name the setting that holds the token, and the logins that are not used because of it."""
    source = config.named("github_token")
    users = stored_users(config)
    if not users:
        return f"the token is that of {source}"
    return f"the token is that of {source}; without it, the stored login {users[-1]} would be used"


def stored_users(config: Config) -> list[str]:
    from copilot_bridge.pipeline.storage import store_of

    with suppress(BridgeError):
        return [login.user for login in store_of(config).logins.all()]
    return []


def demo_runs(config: Config) -> bool:
    from copilot_bridge.cli.demo import FOLDER, running_simulator

    return running_simulator(config.home / FOLDER) is not None
