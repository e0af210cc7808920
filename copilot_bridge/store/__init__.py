"""What outlives the process: logins, Copilot tokens, keys, pace, approvals and the request log.

    Store -> an object for each thing that is kept (`logins`, `shelf`, ...) -> Database -> SQLite

No other room knows SQL.  Secrets go through the `Encryptor` on their way in and out.
"""

from copilot_bridge.store.store import Store, open_store

__all__ = ["Store", "open_store"]
