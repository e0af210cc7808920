"""Names and ids that every API accepts: letters, digits, _ and -, up to a length."""

import hashlib
import re

SAFE = re.compile(r"[a-zA-Z0-9_-]+")
UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
SUFFIX_LENGTH = 9  # characters of the digest and its separator


def is_safe_name(word: str, max_length: int) -> bool:
    return len(word) <= max_length and SAFE.fullmatch(word) is not None


def all_safe_names(words: list[str], max_length: int) -> bool:
    """Return whether all of these are safe; faster than one by one."""
    lengths = set(map(len, words))
    return not words or (
        min(lengths) > 0 and max(lengths) <= max_length and SAFE.fullmatch("".join(words)) is not None
    )


def safe_name(word: str, max_length: int) -> str:
    """Return a safe name, always the same one for a name.  A digest keeps shortened names distinct."""
    if is_safe_name(word, max_length):
        return word
    digest = hashlib.sha256(word.encode(errors="surrogatepass")).hexdigest()[: SUFFIX_LENGTH - 1]
    return f"{UNSAFE.sub('_', word)[: max_length - SUFFIX_LENGTH]}_{digest}"
