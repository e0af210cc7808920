"""The store that the settings name."""

from copilot_bridge.config import Config
from copilot_bridge.store import Store, open_store


def store_of(config: Config) -> Store:
    """Return the store, which reads and writes nothing until it is asked for something."""
    return open_store(
        config.home,
        path=config.store_path,
        persistent=config.persist,
        key=config.store_key,
        url=config.database_url,
        connections=config.database_connections,
        timeout=config.store_timeout,
    )
