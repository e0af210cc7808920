"""Names and ids that can be said everywhere: letters, digits, _ and -, up to a length."""

import hashlib
import re

FITTING = re.compile(r"[a-zA-Z0-9_-]+")
FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")
MARK = 9  # characters of the digest and what parts it from the rest


def fits(word: str, most: int) -> bool:
    return len(word) <= most and FITTING.fullmatch(word) is not None


def all_fit(words: list[str], most: int) -> bool:
    """The same for many, at once."""
    lengths = set(map(len, words))
    return not words or (
        min(lengths) > 0 and max(lengths) <= most and FITTING.fullmatch("".join(words)) is not None
    )


def spell(word: str, most: int) -> str:
    """The same each time.  What can't be said is cut, and told apart by its digest."""
    if fits(word, most):
        return word
    digest = hashlib.sha256(word.encode(errors="surrogatepass")).hexdigest()[: MARK - 1]
    return f"{FORBIDDEN.sub('_', word)[: most - MARK]}_{digest}"
