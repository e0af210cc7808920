"""Images in a request: their types and sizes, and the download of those given by URL."""

import base64
from typing import TYPE_CHECKING

from copilot_bridge.dialects import data_url
from copilot_bridge.dialects.adaptation.media import media_type
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.image_scaling import HEAD, Bounds, Scaler, is_installed

if TYPE_CHECKING:
    from copilot_bridge.upstream.public_web.images import ImageFetcher

# Where the catalogue does not say what images a model takes.
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
IMAGE_BYTES = 3_145_728
SCALED_BYTES = 20 * 1024 * 1024  # the maximum of a download that can be scaled down
MAX_IMAGES = 100  # if no source names a maximum; the catalogue says 1, but upstream accepts more


class ImageInliner:
    """Puts images into a request, with their true media types, and no larger than the model accepts."""

    def __init__(self, images: "ImageFetcher") -> None:
        self._images = images
        self._scaler = Scaler()

    def in_place(self, url: str, where: str, model: Model, *, shown: bool) -> str:
        """Return the data URL of an image, which is downloaded if the URL is a link.

        :param shown: the image is shown by a tool.
        :raises InvalidRequest: there is no such image, or the model does not take its type.
        """
        if not url.startswith("data:"):
            return "data:{};base64,{}".format(*self.fetch(url, where, model, shown=shown))
        try:
            declared, start = data_url.head(url)
        except ValueError:  # upstream's to judge
            return url
        # An image has megabytes, of which most stay as they are: they are not copied.
        is_right = label(declared, url[start : start + HEAD], where, model) == declared
        if is_right and not self._scaler.is_needed(url, bounds_of(model, shown=shown), start):
            return url
        return "data:{};base64,{}".format(*self.fit(declared, url[start:], where, model, shown=shown))

    def fit(self, declared: str, data: str, where: str, model: Model, *, shown: bool) -> tuple[str, str]:
        """Return (media type, base64) for an image that the client sent.

        :param declared: the media type that the client names.  :param data: base64.
        :raises InvalidRequest: the model takes none of its type.
        """
        media = label(declared, data, where, model)
        return self._scaler.fit(data, bounds_of(model, shown=shown)) or (media, data)

    def fetch(self, url: str, where: str, model: Model, *, shown: bool) -> tuple[str, str]:
        """Download an image, and return (media type, base64).

        :raises InvalidRequest: it can't be fetched, or is too large.
        """
        bounds = bounds_of(model, shown=shown)
        media, image = self._images.fetch_image(
            url,
            media_types=model.vision.get("supported_media_types") or IMAGE_TYPES,
            max_bytes=max(bounds.size, SCALED_BYTES) if is_installed() else bounds.size,
            param=where,
        )
        data = base64.b64encode(image).decode()
        fitted = self._scaler.fit(data, bounds)
        if fitted is None and len(image) > bounds.size:
            raise InvalidRequest(
                f"this image can't be used: it has more than {bounds.size:,} bytes", param=where
            )
        return fitted or (media, data)


class ModelImages:
    """The images of a request, as its model takes them.  It is the `ImageSource` of dialects."""

    def __init__(self, inliner: ImageInliner, model: Model) -> None:
        self._inliner = inliner
        self._model = model

    def in_place(self, url: str, where: str, *, shown: bool) -> str:
        return self._inliner.in_place(url, where, self._model, shown=shown)

    def fit(self, media_type: str, data: str, where: str, *, shown: bool) -> tuple[str, str]:
        return self._inliner.fit(media_type, data, where, self._model, shown=shown)

    def fetch(self, url: str, where: str, *, shown: bool) -> tuple[str, str]:
        return self._inliner.fetch(url, where, self._model, shown=shown)


def bounds_of(model: Model, *, shown: bool) -> Bounds:
    """Return the bounds of an image.  One from a user stays as it is if the model takes it.

    :param shown: the image is shown by a tool.
    """
    profile = model.profile
    size = model.vision.get("max_prompt_image_size") or IMAGE_BYTES
    return Bounds(size, profile.effective_image_side if shown else profile.max_image_side)


def label(declared: str, data: str, where: str, model: Model) -> str:
    """Return the media type of an image.

    :raises InvalidRequest: the model does not take this type.
    :param declared: the media type that the client names.  :param data: base64.
    """
    media = media_type(declared, data)
    known = model.vision.get("supported_media_types")
    if known and media.startswith("image/") and media not in known:
        raise InvalidRequest(f"{where}: it is {media}; this model takes {', '.join(known)}", param=where)
    return media
