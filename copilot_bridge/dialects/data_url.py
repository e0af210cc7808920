"""Data URLs (`data:image/png;base64,...`), in which OpenAI's dialects carry images and files."""

from typing import Any


def split(url: Any) -> tuple[str, str]:
    """Split a data URL into its media type and its base64 data.

    :raises ValueError: the value is not a base64 data URL, but for instance a link.
    """
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError("send the content itself, as data:<media type>;base64,...")
    return head.removeprefix("data:").removesuffix(";base64").partition(";")[0], data
