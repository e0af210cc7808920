"""Signs data for cookies and forms, with a key that all workers share."""

from functools import cached_property
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from copilot_bridge.store.encryption import Encryptor

DAY = 86_400


class Signer:
    """Signs values and checks signatures.  Raises StoreError: the key of the store can't be read."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    @cached_property
    def _key(self) -> bytes:
        return self._encryptor.derive_key("pages")

    def sign(self, purpose: str, content: Any) -> str:
        """The JSON value as signed text, valid for this purpose only."""
        signed: str = URLSafeTimedSerializer(self._key, salt=purpose).dumps(content)
        return signed

    def verify(self, purpose: str, signed: str, days: float) -> Any:
        """The signed value; None: the signature is invalid or older than `days`."""
        try:
            return URLSafeTimedSerializer(self._key, salt=purpose).loads(signed, max_age=int(days * DAY))
        except BadData:
            return None
