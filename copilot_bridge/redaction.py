"""Hides secrets in settings, log lines, error messages and pages."""

import re

HIDDEN = "***"

# A secret is recognized by its form ...
SHAPES = (
    r"\bgh[oprsu]_[A-Za-z0-9_.-]+",  # GitHub tokens
    r"\bgithub_pat_[A-Za-z0-9_.-]+",
    r"\bcbk_[A-Za-z0-9_-]{20,}",  # API keys of the bridge
    r"\bshare-[A-Za-z0-9_-]{16,}",
    r"\btid=[^\s\"']+",  # Copilot tokens: "tid=...;exp=...:mac"
    r"\bst_[A-Za-z0-9_-]{8,}",  # Copilot auto-mode session tokens
)
# ... or by the name before it: "device_code": "...", Authorization: Bearer ..., api_key=...
NAMES = (
    r"(?:proxy-)?authorization|[\w-]{0,40}token|[\w-]{0,40}api[_-]?key|device_code"
    r"|encrypted_content|reasoning_opaque|(?:thought_?)?signature"
)
QUOTE = r"""(?:\\{0,8}["'])?"""  # escaped, where JSON is inside JSON
NAMED = (
    rf"""((?<![\w-]){QUOTE}(?:{NAMES}){QUOTE}\s{{0,4}}[:=]\s{{0,4}}{QUOTE}(?:(?:bearer|token|basic)\s+)?)"""
    r"""([^\s"',;&}\\]{8,})"""
)
QUERY_KEY = r"([?&]key=)([^\s&\"'#]+)"  # as Google's clients may send it
BEARER = r"(\b(?:Bearer|token)\s+)([A-Za-z0-9_.=;:/+-]{16,})"
# A proxy's address may carry a password.
USERINFO = r"(://[^\s/:@]{0,256}:)([^\s/]+)(?=@)"
# In an address alone, to its last @: a malformed one may have it anywhere.
PASSWORD = re.compile(r"^([a-z0-9+]+://)?[^:]*:.*@", re.DOTALL | re.IGNORECASE)

_SHAPED = re.compile("|".join(SHAPES))
_NAMED = re.compile(
    "|".join(f"(?:{pattern})" for pattern in (NAMED, QUERY_KEY, BEARER, USERINFO)), re.IGNORECASE
)


def redact(text: str) -> str:
    """The same text with every secret replaced by `***`."""
    return _NAMED.sub(_keep_name, _SHAPED.sub(HIDDEN, text))


def without_password(address: str) -> str:
    """An address as somebody wrote it, to be shown to them; it may be malformed."""
    return PASSWORD.sub(rf"\1{HIDDEN}@", address)


def _keep_name(match: re.Match[str]) -> str:
    name = next(group for group in match.groups()[::2] if group is not None)
    return f"{name}{HIDDEN}"


class Secret:
    """A string that is shown only by an explicit `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def masked(self) -> str:
        """Enough to distinguish two secrets: the kind and the last four characters."""
        kind = re.match(r"gh[oprsu]_|github_pat_", self._value)
        tail = self._value[-4:] if len(self._value) >= 20 else ""
        return f"{kind[0] if kind else ''}{HIDDEN}{tail}"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})" if self._value else "Secret('')"

    __str__ = __repr__
