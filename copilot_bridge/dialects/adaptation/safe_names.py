"""Names and ids that can be said everywhere: letters, digits, _ and -, up to a length."""

import hashlib
import re

FITTING = re.compile(r"[a-zA-Z0-9_-]+")
FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")
MARK = 9  # characters of the digest and what parts it from the rest


def is_safe_name(word: str, max_length: int) -> bool:
    return len(word) <= max_length and FITTING.fullmatch(word) is not None


def all_safe_names(words: list[str], max_length: int) -> bool:
    """The same for many, at once."""
    lengths = set(map(len, words))
    return not words or (
        min(lengths) > 0 and max(lengths) <= max_length and FITTING.fullmatch("".join(words)) is not None
    )


def safe_name(word: str, max_length: int) -> str:
    """The same each time.  What can't be said is cut, and told apart by its digest."""
    if is_safe_name(word, max_length):
        return word
    digest = hashlib.sha256(word.encode(errors="surrogatepass")).hexdigest()[: MARK - 1]
    return f"{FORBIDDEN.sub('_', word)[: max_length - MARK]}_{digest}"
