"""Plain text -> its number of tokens.  The vocabulary lies beside this file; nothing is downloaded."""

import os
from functools import cache
from pathlib import Path
from typing import Any

# Copilot names it for nearly all of its models, those of other vendors included.
ENCODING = "o200k_base"
VOCABULARY = Path(__file__).parent / "vocabulary"
CACHE = "TIKTOKEN_CACHE_DIR"

# Characters that are counted at once.  The tokenizer's regular expression runs out of its stack at some
# 600,000 blanks in a row, and panics; a cut costs a token at most.
PIECE = 65_536


@cache
def tokenizer() -> Any:
    """The tokenizer, which takes 0.4 s and 80 MB to load, and which many processes never need.

    Not by `tiktoken.get_encoding`, which holds a lock meanwhile: under gevent that is one of greenlets, and
    several threads that wait for it wait for ever.
    """
    os.environ[CACHE] = str(VOCABULARY)  # for good: another thread may read it at any moment
    from tiktoken import Encoding
    from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS

    return Encoding(**ENCODING_CONSTRUCTORS[ENCODING]())


def load() -> None:
    """Load everything that is loaded at the first use.  Others may count only when it is done."""
    import imagesize  # noqa: F401

    tokenizer()


def is_loaded() -> bool:
    return tokenizer.cache_info().currsize > 0


def count_text(text: str) -> int:
    encode = tokenizer().encode_ordinary
    return sum(len(encode(text[start : start + PIECE])) for start in range(0, len(text), PIECE))
