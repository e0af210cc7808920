"""Images and documents -> tokens, by what the vendors have published.

https://platform.openai.com/docs/guides/images-vision, https://docs.anthropic.com/en/docs/build-with-claude/vision
and .../pdf-support, https://ai.google.dev/gemini-api/docs/tokens
"""

import base64
import binascii
import re
from collections.abc import Callable
from io import BytesIO
from math import ceil, floor, sqrt

Formula = Callable[[int, int], int]  # width, height in pixels -> tokens

# Where the head of an image tells no size: a screenshot's.
UNKNOWN_SIZE = (1568, 1568)

HAIR = 1e-9  # what a quotient may be off

# A page is seen and read: 1,500 to 3,000 tokens of text, as Anthropic has it.
TOKENS_PER_PAGE = 2_250
PAGE = re.compile(rb"/Type\s*/Page(?!s)")
BYTES_PER_PAGE = 50_000  # of documents whose pages can't be seen from outside


def fit(width: float, height: float, longest: float) -> tuple[float, float]:
    scale = min(1.0, longest / max(width, height))
    return width * scale, height * scale


def tiles(base: int, per_tile: int) -> Formula:
    """512 pixel tiles of an image that was scaled into 2048 x 2048 and to a short side of 768."""

    def count(width: int, height: int) -> int:
        wide, high = fit(width, height, 2048)
        scale = min(1.0, 768 / min(wide, high))
        return base + per_tile * ceil(wide * scale / 512) * ceil(high * scale / 512)

    return count


def patches(multiplier: float, most: int = 1536) -> Formula:
    """32 pixel patches; an image of more than `most` is scaled down until whole ones fit in."""

    def count(width: int, height: int) -> int:
        wide, high = width / 32, height / 32
        if ceil(wide) * ceil(high) > most:
            scale = sqrt(most / (wide * high))
            scale *= min(floor(side * scale) / (side * scale) for side in (wide, high))
            wide, high = wide * scale, high * scale
        return round(min(most, ceil(wide - HAIR) * ceil(high - HAIR)) * multiplier)

    return count


def area(width: int, height: int) -> int:
    """Claude: pixels / 750 of an image that was scaled to sides of 1568 and at most 1,600 tokens."""
    wide, high = fit(width, height, 1568)
    return min(1_600, ceil(wide * high / 750))


def squares(width: int, height: int) -> int:
    """Gemini: 258 for each tile of 768 pixels; a small image is one."""
    small = width <= 384 and height <= 384
    return 258 if small else 258 * ceil(width / 768) * ceil(height / 768)


def size_of(data: str) -> tuple[int, int]:
    """Pixels.  `data`: base64."""
    import imagesize  # it brings an XML parser along, which the start need not wait for

    try:
        width, height = imagesize.get(BytesIO(base64.b64decode(data)))
    except (ValueError, binascii.Error, OSError):
        return UNKNOWN_SIZE
    return (int(width), int(height)) if width > 0 and height > 0 else UNKNOWN_SIZE


def count_document(data: str) -> int:
    """Tokens of a PDF.  `data`: base64."""
    try:
        content = base64.b64decode(data)
    except (ValueError, binascii.Error):
        content = b""
    pages = len(PAGE.findall(content)) or 1 + len(content) // BYTES_PER_PAGE
    return pages * TOKENS_PER_PAGE
