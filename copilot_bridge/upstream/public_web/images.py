"""Images behind an address, fetched for clients, because Copilot fetches none itself."""

from collections.abc import Collection

from copilot_bridge.dialects.adaptation.media import media_type_of_bytes
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.upstream.public_web.errors import FetchError, NotPublic
from copilot_bridge.upstream.public_web.fetcher import PublicFetcher


class ImageFetcher(PublicFetcher):
    """Fetches images; content that does not begin like an image is refused."""

    def fetch_image(
        self, url: str, *, media_types: Collection[str], max_bytes: int, param: str
    ) -> tuple[str, bytes]:
        """Fetch an image; its media type, by its first bytes, and its bytes.

        :param media_types: those that the model accepts, like "image/png".
        :param param: the field of the client's request that holds the address.
        :raises InvalidRequest: the image can't be used, and why.
        :raises UpstreamUnreachable: the bridge's own proxy can't be reached, or refuses.
        """
        try:
            image = self.fetch(url, "image/*", max_bytes).content
            return accepted_type(image, media_types), image
        except FetchError as error:
            instead = "; send the image itself, as base64" if isinstance(error, NotPublic) else ""
            raise InvalidRequest(f"this image can't be used: {error}{instead}", param=param) from error


def accepted_type(image: bytes, media_types: Collection[str]) -> str:
    """The media type of an image.

    :raises FetchError: it is not an image, or the model does not accept its type.
    """
    found = media_type_of_bytes(image)
    if found is None or not found.startswith("image/"):
        raise FetchError("there is no PNG, JPEG, GIF, WebP or HEIC image")
    if found not in media_types:
        raise FetchError(f"it is {found}; this model takes {', '.join(sorted(media_types)) or 'no images'}")
    return found
