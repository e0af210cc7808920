"""The error of a fetch, in words for the client."""


class ImageError(Exception):
    """An image that can't be used, and why, in words for the client."""


TOO_SLOW = "its server is too slow"
