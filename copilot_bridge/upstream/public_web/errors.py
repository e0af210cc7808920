"""The errors of a fetch, in words for the client."""


class FetchError(Exception):
    """The reason why something can't be fetched, in words for the client."""


class NotPublic(FetchError):
    """An address that not everybody can reach."""


class NoText(FetchError):
    """Content that is not text."""


TOO_SLOW = "its server is too slow"
