"""The images in a request: how many there may be, what they are, and those that are somewhere else."""

import base64
from typing import Any

from copilot_bridge.dialects import data_url
from copilot_bridge.dialects.fitting.media import media_type
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.upstream.images import ImageFetcher
from copilot_bridge.upstream.models import Model

# Where the catalogue does not say what images a model takes.
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
IMAGE_BYTES = 3_145_728
MOST_IMAGES = 100  # where nobody says how many; the catalogue says 1, and upstream takes more

Placed = tuple[str, dict[str, Any]]  # where it stands, the object that holds its address


def label(told: str, data: str, where: str, model: Model) -> str:
    """What an image is.  Raises InvalidRequest: the model takes none of this type.

    :param told: the media type that the client names.  :param data: base64.
    """
    media = media_type(told, data)
    known = model.vision.get("supported_media_types")
    if known and media.startswith("image/") and media not in known:
        raise InvalidRequest(f"{where}: it is {media}; this model takes {', '.join(known)}", param=where)
    return media


def in_place(images: ImageFetcher, url: str, where: str, model: Model) -> str:
    """The address of the image itself, fetched if it is somewhere else.  Raises InvalidRequest, as below."""
    if not url.startswith("data:"):
        return "data:{};base64,{}".format(*fetch(images, url, where, model))
    try:
        told, data = data_url.split(url)
    except ValueError:  # upstream's to judge
        return url
    media = label(told, data, where, model)
    return url if media == told else f"data:{media};base64,{data}"


def fetch(images: ImageFetcher, url: str, where: str, model: Model) -> tuple[str, str]:
    """(media type, base64).  Raises InvalidRequest: there is no such image for us."""
    media, image = images.fetch(
        url,
        media_types=model.vision.get("supported_media_types") or IMAGE_TYPES,
        max_bytes=model.vision.get("max_prompt_image_size") or IMAGE_BYTES,
        param=where,
    )
    return media, base64.b64encode(image).decode()
