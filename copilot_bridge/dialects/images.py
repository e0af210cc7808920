"""The images of a request, where it has more of them than a model takes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from copilot_bridge.errors import Unsupported

NOTE = "[An image was here: it is left out, as the model takes no more than {} of them.]"


class ImagePart(Struct, frozen=True):
    """An image in a request.

    :param where: its location in the request, such as "messages.2.content.0".
    :param part: the object that describes it.
    :param message: the index of its message.
    :param from_tool: it is in a tool's result, and not in a user's message.
    """

    where: str
    part: dict[str, Any]
    message: int
    from_tool: bool = False


class ImageHolder(NamedTuple):
    """The object in a request that holds an image's data or URL.

    :param where: its location in the request.
    :param from_tool: the image is in a tool's result, and not in a user's message.
    """

    where: str
    holder: dict[str, Any]
    from_tool: bool


class ImageSource(Protocol):
    """Gives the images of a request in the form that its model takes.

    Each method raises InvalidRequest if there is no such image, or if the model does not take it.

    :param where: the location of the image in the request.
    :param shown: the image is shown by a tool.
    """

    def in_place(self, url: str, where: str, *, shown: bool) -> str:
        """Return a data URL for a URL of either kind."""

    def fit(self, media_type: str, data: str, where: str, *, shown: bool) -> tuple[str, str]:
        """Return (media type, base64) for an image that the client sent."""

    def fetch(self, url: str, where: str, *, shown: bool) -> tuple[str, str]:
        """Return (media type, base64) for an image that is somewhere else."""


def omit_oldest_images(images: Sequence[ImagePart], max_images: int, text: str) -> bool:
    """Replace the oldest images by a note if there are too many.  Returns whether any was replaced.

    :param text: the type of a text part in this dialect.
    :raises Unsupported: a single message of the user has more images than the model takes.
    """
    omitted = images[: max(0, len(images) - max_images)]
    if omitted and omitted[-1].message == images[-1].message and not omitted[-1].from_tool:
        where = images[max_images].where
        raise Unsupported(
            f"{where}: this message has more than {max_images} images, which the model does not take",
            param=where,
        )
    for image in omitted:
        image.part.clear()
        image.part.update({"type": text, "text": NOTE.format(max_images)})
    return bool(omitted)
