"""Images and pages on the public web, fetched for clients.

`fetcher` fetches safely; `images` and `pages` interpret the content.
"""

from copilot_bridge.upstream.public_web.addresses import is_public
from copilot_bridge.upstream.public_web.images import ImageFetcher

__all__ = ["ImageFetcher", "is_public"]
