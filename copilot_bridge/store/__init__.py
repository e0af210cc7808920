"""Keeps what outlives the process: logins, Copilot tokens, keys, rate limits, approvals and the request log.

    Store -> an object for each kind of data (`logins`, `keys`, ...) -> Database -> SQLite or PostgreSQL

No other package knows SQL.  The `Encryptor` encrypts the secrets on their way in.
"""

from copilot_bridge.store.store import Store, open_store

__all__ = ["Store", "open_store"]
