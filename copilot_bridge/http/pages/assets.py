"""The static files of the pages, compressed once.  Their addresses change with their contents."""

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Response, request, url_for
from msgspec import Struct
from werkzeug.exceptions import NotFound

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}
SMALLEST = 600  # bytes; below it compression saves nothing


class Asset(Struct, frozen=True):
    """A file.  :param packed: the same, compressed by gzip."""

    data: bytes
    packed: bytes
    mimetype: str


@cache
def assets() -> dict[str, Asset]:
    """All files, by their paths below `static`."""
    return {
        path.relative_to(FOLDER).as_posix(): read(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file()
    }


def read(path: Path) -> Asset:
    data = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(data, gzip.compress(data, 9, mtime=0), kind)


@cache
def version() -> str:
    """A short hash of all files: one for all, as the scripts import each other by relative addresses."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.data)
    return digest.hexdigest()[:12]


def url_of(name: str) -> str:
    """The address of a file in `static`."""
    return url_for("pages.static", wanted=version(), filename=name)


def show(wanted: str, filename: str) -> Response:
    """The view of a file.  An address of another version gets the present file, which is not kept."""
    asset = assets().get(filename)
    if asset is None:
        raise NotFound
    response = Response(asset.data, mimetype=asset.mimetype)
    response.headers["Cache-Control"] = FOREVER if wanted == version() else "no-cache"
    return compressed(response, asset.packed)


def compressed(response: Response, packed: bytes | None = None) -> Response:
    """The response, compressed if it is worth it and the client accepts that.  :param packed: of its body."""
    data = response.get_data()
    response.vary.add("Accept-Encoding")
    if len(data) >= SMALLEST and request.accept_encodings["gzip"] > 0 and not response.content_encoding:
        response.set_data(gzip.compress(data, 5, mtime=0) if packed is None else packed)
        response.content_encoding = "gzip"
    return response
