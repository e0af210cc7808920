"""Scaling of images that are larger than a model takes or sees, by Pillow (the extra `images`).

Without Pillow they stay as they are, and upstream decides.
"""

import base64
import hashlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

from cachetools import LRUCache
from msgspec import Struct

from copilot_bridge.threads import run_in_thread

MAX_PIXELS = 40_000_000  # a file of a few bytes can unfold to gigabytes; a screen of 8K has 33 million
HEAD = 131_072  # characters of base64, in which the size stands
CACHE_SIZE = 32 * 1024 * 1024  # characters: agents show the same pictures again with each request
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
QUALITY = 85
SHRINKING = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15)

# Decoding takes the memory of all pixels, so it is one image at a time.
ONE = threading.Lock()


class Bounds(Struct, frozen=True):
    """The largest size of an image.

    :param size: in bytes.  :param side: the longer side in pixels; None: any.
    """

    size: int
    side: int | None

    def exceeded(self, data: str, start: int = 0) -> bool:
        """Return whether an image is larger.

        :param data: base64, from the index `start` on.
        """
        too_heavy = (len(data) - start) * 3 // 4 > self.size
        return too_heavy or bool(self.side and max(pixels(data[start : start + HEAD])) > self.side)


def pixels(head: str) -> tuple[int, int]:
    """Return (width, height); zeros if the head of the image does not have them.

    :param head: the beginning of the image, in base64.
    """
    import imagesize  # it brings an XML parser along, which the start need not wait for

    try:
        width, height = imagesize.get(BytesIO(base64.b64decode(head)))
    except Exception:  # noqa: BLE001 - of what is no image its readers raise anything
        return 0, 0
    return max(0, int(width)), max(0, int(height))


@cache
def is_installed() -> bool:
    return importlib.util.find_spec("PIL") is not None


class Scaler:
    """Scales images down, and remembers the results: a prompt has to stay the same for upstream's cache."""

    def __init__(self) -> None:
        self._made: LRUCache[bytes, tuple[str, str] | None] = LRUCache(CACHE_SIZE, getsizeof=weight)

    def is_needed(self, data: str, bounds: Bounds, start: int = 0) -> bool:
        """Return whether an image is too large, and can be scaled.

        :param data: base64, from the index `start` on.
        """
        return is_installed() and bounds.exceeded(data, start)

    def fit(self, data: str, bounds: Bounds) -> tuple[str, str] | None:
        """Return (media type, base64), or None if the image is small enough or can't be made so.

        :param data: base64.
        """
        if not self.is_needed(data, bounds):
            return None
        key = hashlib.sha256(f"{bounds.size} {bounds.side} {data}".encode()).digest()
        with ONE:
            if key not in self._made:
                made = run_in_thread(scale_down, data, bounds)
                if weight(made) > CACHE_SIZE:
                    return made
                self._made[key] = made
            return self._made[key]


def weight(made: tuple[str, str] | None) -> int:
    return len(made[1]) if made else 1


def scale_down(data: str, bounds: Bounds) -> tuple[str, str] | None:
    """Return (media type, base64), or None if the image can't be read or has too many pixels.

    :param data: base64.
    """
    try:
        return next(attempts(base64.b64decode(data), bounds), None)
    except Exception:  # noqa: BLE001 - of what is no image its decoders raise anything; upstream judges it
        return None


def attempts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Yield ever smaller images that are within the bounds."""
    image, form = decoded(data, bounds.side)
    before = max(image.size)
    longest = min(before, bounds.side or before)
    for part in SHRINKING:
        side = max(1, int(longest * part))
        image.thumbnail((side, side))
        own = part == 1 and side < before  # a smaller file needs a lossy format
        for encoding in dict.fromkeys((form, "JPEG") if own else ("JPEG",)):
            made = encoded(image, encoding)
            if len(made) <= bounds.size:
                yield MEDIA[encoding], base64.b64encode(made).decode()


def decoded(data: bytes, side: int | None) -> tuple[Any, str]:
    """Return (Pillow's image, the name of the format for a smaller one).

    :raises ValueError: the image has too many pixels.
    :param side: the side that is enough, since a JPEG need not be decoded to more.
    """
    from PIL import ImageOps  # it may be missing, and takes its time

    image = pillow().open(BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    form = image.format if image.format in MEDIA else "PNG"
    if side:
        image.draft(None, (side, side))
    upright = ImageOps.exif_transpose(image)
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB"), form


@cache
def pillow() -> Any:
    """Return Pillow's module for images, which refuses images with too many pixels instead of warning."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    return Image


def encoded(image: Any, form: str) -> bytes:
    out = BytesIO()
    if form == "JPEG" and image.mode == "RGBA":
        image = on_white(image)
    image.save(out, form, quality=QUALITY)
    return out.getvalue()


def on_white(image: Any) -> Any:
    white = pillow().new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
