"""The images of a conversation, when there are more of them than a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from copilot_bridge.errors import Unsupported

NOTE = "[An image was here: it is left out, as the model takes no more than {} of them.]"


@dataclass(frozen=True, slots=True)
class ImagePart:
    """:param where: it stands.  :param part: the object that it is.  :param message: the number of its own.

    :param from_tool: by a tool, and not by a person.
    """

    where: str
    part: dict[str, Any]
    message: int
    from_tool: bool = False


class ImageHolder(NamedTuple):
    """An image in a request.

    :param where: it stands.  :param holder: the object that holds it, or its address.
    :param from_tool: by a tool, and not by a person.
    """

    where: str
    holder: dict[str, Any]
    from_tool: bool


def omit_oldest_images(images: Sequence[ImagePart], max_images: int, text: str) -> bool:
    """Words in the place of the oldest ones.  True if there are too many.

    :param text: how the dialect calls a part that is text.
    :raises Unsupported: a person shows more at once than the model takes.
    """
    omitted = images[: max(0, len(images) - max_images)]
    if omitted and omitted[-1].message == images[-1].message and not omitted[-1].from_tool:
        where = images[max_images].where
        raise Unsupported(
            f"{where}: this message has more images than the {max_images} that the model takes",
            param=where,
        )
    for image in omitted:
        image.part.clear()
        image.part.update({"type": text, "text": NOTE.format(max_images)})
    return bool(omitted)
