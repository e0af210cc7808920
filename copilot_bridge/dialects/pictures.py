"""The images of a conversation, when there are more of them than a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from copilot_bridge.errors import Unsupported

NOTE = "[An image was here: it is left out, as the model takes no more than {} of them.]"


@dataclass(frozen=True, slots=True)
class Picture:
    """:param where: it stands.  :param part: the object that it is.  :param message: the number of its own.

    :param shown: by a tool, and not by a person.
    """

    where: str
    part: dict[str, Any]
    message: int
    shown: bool = False


class Placed(NamedTuple):
    """An image in a request.

    :param where: it stands.  :param holder: the object that holds it, or its address.
    :param shown: by a tool, and not by a person.
    """

    where: str
    holder: dict[str, Any]
    shown: bool


def leave_out_oldest(pictures: Sequence[Picture], most: int, text: str) -> bool:
    """Words in the place of the oldest ones.  True if there are too many.

    :param text: how the dialect calls a part that is text.
    :raises Unsupported: a person shows more at once than the model takes.
    """
    left_out = pictures[: max(0, len(pictures) - most)]
    if left_out and left_out[-1].message == pictures[-1].message and not left_out[-1].shown:
        where = pictures[most].where
        raise Unsupported(
            f"{where}: there are more than {most} images in this message, which the model does not take",
            param=where,
        )
    for each in left_out:
        each.part.clear()
        each.part.update({"type": text, "text": NOTE.format(most)})
    return bool(left_out)
