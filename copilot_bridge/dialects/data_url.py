"""`data:image/png;base64,...`: how OpenAI's dialects carry what is no text."""

from typing import Any


def split(url: Any) -> tuple[str, str]:
    """(media type, base64).  Raises ValueError: the content itself is not there, only where it would be."""
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError("send its content, as data:<media type>;base64,...")
    return head.removeprefix("data:").removesuffix(";base64").partition(";")[0], data
