"""What can go wrong, by kind.  Each dialect's `ERRORS` says how a kind is told to its clients."""

from collections.abc import Mapping

from copilot_bridge.redaction import redact


class BridgeError(Exception):
    """Something that a client or the operator has to be told.

    :param message: for people; secrets in it are hidden at birth.
    :param code: the machine-readable name that upstream gave, kept where the dialect has a place for it.
    :param param: the field of the request that is at fault, like ``messages.0.content``.
    :param status: the HTTP status that upstream gave, where a dialect passes it on.
    :param headers: headers of upstream's answer that the client should see.
    """

    kind = "internal"
    unready = False  # the bridge has no Copilot token and gets none just now; by itself it will again
    quotes = False  # the message may repeat what the request said: for the client, not for a log
    size: tuple[int, int] | None = None  # of a prompt that is too long: its tokens, and how many there may be

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(redact(message))
        self.kind = kind or self.kind
        self.code = code
        self.param = param
        self.status = status
        self.headers = dict(headers or {})


# Every kind there is.  A test holds each dialect's ERRORS against it.
KINDS = frozenset(
    {
        "invalid_request",  # the client's body can't be read or says something impossible
        "unsupported",  # it is well formed, but Copilot can't do it
        "prompt_too_long",
        "content_filter",
        "model_not_found",
        "not_found",
        "method_not_allowed",
        "too_large",
        "media_type",  # the body is packed in a way that the bridge does not unpack
        "authentication",  # the bridge has no valid GitHub login
        "permission",
        "quota",
        "rate_limited",
        "overloaded",
        "unavailable",  # upstream said 5xx, or something nobody understands
        "unreachable",  # no connection to upstream
        "timeout",
        "stream_cut",  # upstream broke off in the middle of an answer
        "internal",
    }
)


class ConfigError(BridgeError):
    """A setting is unknown or malformed: the bridge does not start."""


class StoreError(BridgeError):
    """What the bridge keeps can't be read or written just now."""


class StoreUnavailable(StoreError):
    """The database is out of reach, or did not answer in time."""


class StoreBusy(StoreError):
    """The database answers, but there are more requests than its connections can serve in time."""


class InvalidRequest(BridgeError):
    kind = "invalid_request"


class Unsupported(BridgeError):
    kind = "unsupported"


class ModelNotFound(BridgeError):
    kind = "model_not_found"


class LoginRequired(BridgeError):
    """There is no GitHub login, or GitHub does not accept it any more."""

    kind = "authentication"


class UpstreamRefused(BridgeError):
    """Upstream answered with an error; `kind` says which, `refusals.py` has the table."""

    kind = "unavailable"


class UpstreamUnreachable(BridgeError):
    """There was no answer.  `unsent`: not a byte of the request can have been read."""

    kind = "unreachable"
    unsent = False


class UpstreamTimeout(BridgeError):
    kind = "timeout"


class StreamCut(BridgeError):
    """Upstream ended an answer before it was complete."""

    kind = "stream_cut"
