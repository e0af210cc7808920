"""The media types of images and documents, detected by their first bytes, since labels are often wrong."""

import base64
import binascii
import re

from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.limits import PDF, Limits
from copilot_bridge.dialects.prompt import DOCUMENT_NOTE, File, Image, Message, Part, Prompt, Text, ToolResult
from copilot_bridge.errors import Unsupported

# The first bytes of a file -> its media type.
MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms])", re.DOTALL), "image/heic"),
    (re.compile(rb"....ftyp(?:mif1|msf1)", re.DOTALL), "image/heif"),
    (re.compile(rb"....ftyp(?:avif|avis)", re.DOTALL), "image/avif"),
    (re.compile(rb"BM....\0\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"II\*\0|MM\0\*"), "image/tiff"),
    (re.compile(rb"%PDF-"), PDF),
)
# XML is a drawing where the label says that it is an image.
DRAWING = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!)")
SVG = "image/svg+xml"
MAX_MAGIC_LENGTH = 16  # bytes

# Other names of media types.
ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "application/x-pdf": PDF,
    "text/pdf": PDF,
}

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

# Media types of text besides `text/…`.
TEXTUAL = re.compile(r"text/|application/(json|xml|yaml|x-yaml|toml|javascript|sql|x-sh|.*\+(json|xml))$")

# Media types that no model takes as a document.
NO_DOCUMENT = re.compile(r"(?:image|audio|video)/")

Shown = Text | Image | File


def media_type_of_bytes(data: bytes) -> str | None:
    """Return the media type that the first bytes show, or None."""
    return next((media for magic, media in MAGIC if magic.match(data)), None)


def media_type(label: str, data: str) -> str:
    """Return the media type of data.

    :param label: the client's.
    :param data: in base64.
    """
    known, start = label.partition(";")[0].strip().lower(), start_of(data)
    if known.startswith("image/") and DRAWING.match(start):
        return SVG
    return media_type_of_bytes(start) or ALIASES.get(known, known)


def start_of(data: str) -> bytes:
    """Decode the beginning of base64 data."""
    beginning = data[: MAX_MAGIC_LENGTH * 4 // 3 // 4 * 4]
    try:
        return base64.b64decode(beginning + "=" * (-len(beginning) % 4))
    except (ValueError, binascii.Error):
        return b""


def text_in(file: File) -> str:
    """Decode a text document.

    :raises ValueError: it is not in UTF-8.
    """
    return base64.b64decode(file.data).decode()


def is_text(media: str) -> bool:
    return TEXTUAL.match(media) is not None


def adapt_media(prompt: Prompt, limits: Limits, where: str) -> Prompt:
    """Correct labels, and write documents in a form that the target accepts.

    :param where: the field of the client's request with the messages.
    :raises Unsupported: a user shows a document that the target does not accept.
    """
    messages = tuple(adapt_message(message, limits, where) for message in prompt.messages)
    return prompt if messages == prompt.messages else replace(prompt, messages=messages)


def adapt_message(message: Message, limits: Limits, where: str) -> Message:
    if not any(isinstance(part, Image | File | ToolResult) for part in message.parts):
        return message
    parts = tuple(adapted for part in message.parts for adapted in adapt_part(part, limits, where))
    return replace(message, parts=parts)


def adapt_part(part: Part, limits: Limits, where: str) -> list[Part]:
    if isinstance(part, ToolResult):
        shown = (adapted for inner in part.parts for adapted in adapt_shown(inner, limits, None))
        return [replace(part, parts=tuple(shown))]
    return [*adapt_shown(part, limits, where)] if isinstance(part, Image | File) else [part]


def adapt_shown(part: Shown, limits: Limits, where: str | None) -> list[Shown]:
    """Adapt an image or a document.

    :param where: None for a tool's result, in which a note replaces what can't be shown, or an agent would be
        stuck.
    """
    if isinstance(part, Text):
        return [part]
    media = media_type(part.media_type, part.data)
    if isinstance(part, File) and part.location and where is not None:
        where = part.location.path
    if isinstance(part, Image) and media != PDF:
        return [part if media == part.media_type else replace(part, media_type=media)]
    if isinstance(part, File) and media in IMAGE_TYPES:
        return [Image(media, part.data)]
    file = File(media, part.data) if isinstance(part, Image) else replace(part, media_type=media)
    return adapt_file(file, limits, where)


def adapt_file(file: File, limits: Limits, where: str | None) -> list[Shown]:
    if is_text(file.media_type):
        return adapt_text(file, limits, where)
    unknown = limits.documents is not None and file.media_type not in limits.documents
    if unknown or NO_DOCUMENT.match(file.media_type):
        return refuse(where, f"of the type {file.media_type!r}")
    if file.context and limits.texts_inline:
        return [Text(file.context), replace(file, context=None)]
    return [file]


def adapt_text(file: File, limits: Limits, where: str | None) -> list[Shown]:
    try:
        text = text_in(file)
    except ValueError:
        return refuse(where, f"labelled {file.media_type!r} that are not in UTF-8")
    if not limits.texts_inline:
        return [replace(file, media_type="text/plain")]
    return [Text("\n".join(filter(None, (file.name, file.context, text))))]


def refuse(where: str | None, what: str) -> list[Shown]:
    """Return a note, or refuse the request.

    :raises Unsupported: a user shows the document.
    """
    if where is None:
        return [DOCUMENT_NOTE]
    raise Unsupported(f"{where}: this model does not accept documents {what}; send the text", param=where)
