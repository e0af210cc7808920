"""The static files of the pages, compressed once.  Their addresses change with their contents."""

import gzip
import hashlib
from functools import cache, cached_property
from pathlib import Path

from flask import Response, request, url_for
from werkzeug.exceptions import NotFound

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
SMALLEST = 600  # bytes; below it compression saves nothing


class Asset:
    """A file."""

    def __init__(self, data: bytes, mimetype: str) -> None:
        self.data = data
        self.mimetype = mimetype

    @cached_property
    def packed(self) -> bytes:
        """The same, compressed by gzip."""
        return gzip.compress(self.data, 9, mtime=0)


@cache
def assets() -> dict[str, Asset]:
    """All files, by their paths below `static`."""
    return {
        path.relative_to(FOLDER).as_posix(): Asset(path.read_bytes(), TYPES[path.suffix])
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file()
    }


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
