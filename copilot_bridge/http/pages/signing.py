"""What we give to a browser and want back unchanged: signed, with a key that all workers have."""

from functools import cached_property
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from copilot_bridge.store.encryption import Encryptor

DAY = 86_400


class Seals:
    """:raises StoreError: the key of the store can't be read."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    @cached_property
    def _key(self) -> bytes:
        return self._encryptor.derive_key("pages")

    def seal(self, purpose: str, content: Any) -> str:
        sealed: str = URLSafeTimedSerializer(self._key, salt=purpose).dumps(content)
        return sealed

    def open(self, purpose: str, sealed: str, days: float) -> Any:
        """None if it is none of ours, or older."""
        try:
            return URLSafeTimedSerializer(self._key, salt=purpose).loads(sealed, max_age=int(days * DAY))
        except BadData:
            return None
