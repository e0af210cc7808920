"""The errors of a fetch, in words for the client."""


class FetchError(Exception):
    """Something that can't be fetched, and why, in words for the client."""


class NotPublic(FetchError):
    """An address that not everybody can reach."""


class NoText(FetchError):
    """Something that is no text."""


TOO_SLOW = "its server is too slow"
