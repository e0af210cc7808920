"""Images behind an address, fetched from public addresses only."""

from copilot_bridge.upstream.images.addresses import is_public
from copilot_bridge.upstream.images.fetcher import ImageFetcher

__all__ = ["ImageFetcher", "is_public"]
