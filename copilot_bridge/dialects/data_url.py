"""Data URLs (`data:image/png;base64,...`), in which OpenAI's dialects carry images and files."""

from typing import Any


def head(url: Any) -> tuple[str, int]:
    """Read a data URL's media type, and the index at which its base64 data starts.

    :raises ValueError: the value is not a base64 data URL, but for instance a link.
    """
    comma = url.find(",") if isinstance(url, str) else -1
    parameters = url[:comma] if comma >= 0 else ""
    if not parameters.startswith("data:") or not parameters.endswith(";base64"):
        raise ValueError("send the content itself, as data:<media type>;base64,...")
    return parameters.removeprefix("data:").removesuffix(";base64").partition(";")[0], comma + 1


def split(url: Any) -> tuple[str, str]:
    """Split a data URL into its media type and its base64 data.

    :raises ValueError: the value is not a base64 data URL, but for instance a link.
    """
    media_type, start = head(url)
    return media_type, url[start:]
