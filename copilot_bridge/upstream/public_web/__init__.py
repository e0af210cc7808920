"""Images and pages on the public web, fetched for clients.

`fetcher` is the guard, `images` and `pages` take what it brings.
"""

from copilot_bridge.upstream.public_web.addresses import is_public
from copilot_bridge.upstream.public_web.images import ImageFetcher

__all__ = ["ImageFetcher", "is_public"]
