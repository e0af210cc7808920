"""The tokens of images and documents, by the vendors' published formulas.

https://platform.openai.com/docs/guides/images-vision, https://docs.anthropic.com/en/docs/build-with-claude/vision
and .../pdf-support, https://ai.google.dev/gemini-api/docs/tokens
"""

import base64
import binascii
import re
from collections.abc import Callable
from io import BytesIO
from math import ceil, floor, sqrt

from copilot_bridge.models.profiles import ImageTokens

# The size of a screenshot, for images whose header has none.
UNKNOWN_SIZE = (1568, 1568)

ROUNDING_ERROR = 1e-9  # of a quotient

# Anthropic shows a model each page as an image and as text: 1,500 to 3,000 tokens.
TOKENS_PER_PAGE = 2_250
PAGE = re.compile(rb"/Type\s*/Page(?!s)")
BYTES_PER_PAGE = 50_000  # of documents whose pages can't be counted from outside


def count_image(image: ImageTokens, width: int, height: int) -> int:
    """The tokens of an image of this size, in pixels."""
    return FORMULAS[image.formula](image, width, height)


def scale_down(width: float, height: float, max_side: float) -> tuple[float, float]:
    scale = min(1.0, max_side / max(width, height))
    return width * scale, height * scale


def by_tiles(image: ImageTokens, width: int, height: int) -> int:
    """512 pixel tiles of an image that was scaled into 2048 x 2048 and to a short side of 768."""
    wide, high = scale_down(width, height, 2048)
    scale = min(1.0, 768 / min(wide, high))
    return image.base + image.per_tile * ceil(wide * scale / 512) * ceil(high * scale / 512)


def by_patches(image: ImageTokens, width: int, height: int) -> int:
    """32 pixel patches; an image of more than the maximum is scaled down until whole ones fit in."""
    wide, high = width / 32, height / 32
    if ceil(wide) * ceil(high) > image.max_patches:
        scale = sqrt(image.max_patches / (wide * high))
        scale *= min(floor(side * scale) / (side * scale) for side in (wide, high))
        wide, high = wide * scale, high * scale
    patches = ceil(wide - ROUNDING_ERROR) * ceil(high - ROUNDING_ERROR)
    return round(min(image.max_patches, patches) * image.multiplier)


def by_area(_image: ImageTokens, width: int, height: int) -> int:
    """Claude: pixels / 750 of an image that was scaled to sides of 1568 and at most 1,600 tokens."""
    wide, high = scale_down(width, height, 1568)
    return min(1_600, ceil(wide * high / 750))


def by_squares(_image: ImageTokens, width: int, height: int) -> int:
    """Gemini: 258 for each tile of 768 pixels; a small image is one."""
    small = width <= 384 and height <= 384
    return 258 if small else 258 * ceil(width / 768) * ceil(height / 768)


FORMULAS: dict[str, Callable[[ImageTokens, int, int], int]] = {
    "tiles": by_tiles,
    "patches": by_patches,
    "area": by_area,
    "squares": by_squares,
}


def image_size(data: str) -> tuple[int, int]:
    """The width and height of an image in pixels.  `data`: base64."""
    import imagesize  # it imports an XML parser, which the start need not wait for

    try:
        width, height = imagesize.get(BytesIO(base64.b64decode(data)))
    except (ValueError, binascii.Error, OSError):
        return UNKNOWN_SIZE
    return (int(width), int(height)) if width > 0 and height > 0 else UNKNOWN_SIZE


def count_document(data: str) -> int:
    """The tokens of a PDF.  `data`: base64."""
    try:
        content = base64.b64decode(data)
    except (ValueError, binascii.Error):
        content = b""
    pages = len(PAGE.findall(content)) or 1 + len(content) // BYTES_PER_PAGE
    return pages * TOKENS_PER_PAGE
