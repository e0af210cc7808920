"""The tokens of plain text.  The vocabulary is part of the package; nothing is downloaded."""

import os
from functools import cache
from pathlib import Path
from typing import Any

# Copilot names it for nearly all of its models, those of other vendors included.
ENCODING = "o200k_base"
VOCABULARY = Path(__file__).parent / "vocabulary"
CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"

# Characters that are counted at once.  The tokenizer's regular expression overflows its stack at some
# 600,000 blanks in a row, and panics; a cut costs a token at most.
SLICE = 65_536


@cache
def tokenizer() -> Any:
    """The tokenizer, which takes 0.4 s and 80 MB to load, and which many processes never need.

    `tiktoken.get_encoding` would hold a lock meanwhile: under gevent that is a lock of greenlets, and several
    threads that wait for it would wait for ever.  tiktoken takes the vocabulary's folder from the environment
    alone.
    """
    os.environ[CACHE_VARIABLE] = str(VOCABULARY)  # never reset: another thread may read it at any moment
    from tiktoken import Encoding
    from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS

    return Encoding(**ENCODING_CONSTRUCTORS[ENCODING]())


def load() -> None:
    """Load all that counting loads at its first use.  Other threads may count only when this is done."""
    import imagesize  # noqa: F401

    tokenizer()


def is_loaded() -> bool:
    return tokenizer.cache_info().currsize > 0


def count_text(text: str) -> int:
    encode = tokenizer().encode_ordinary
    return sum(len(encode(text[start : start + SLICE])) for start in range(0, len(text), SLICE))
