"""The errors of the bridge: a record for each kind, and an exception that carries one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from copilot_bridge.redaction import redact

KindName = Literal[
    "invalid_request",
    "unsupported",
    "prompt_too_long",
    "content_filter",
    "model_not_found",
    "not_found",
    "method_not_allowed",
    "too_large",
    "media_type",
    "authentication",
    "permission",
    "quota",
    "rate_limited",
    "overloaded",
    "unavailable",
    "unreachable",
    "timeout",
    "stream_cut",
    "internal",
]

# Groups of errors in the request log's filters and badges, by who can help; "": the operator of the bridge.
Group = Literal["client", "limit", "upstream", "broken", ""]


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A kind of error, with everything that dialects, pages, the request log and OpenAPI derive from it.

    :param status: the HTTP status; a dialect may have another one for it.
    :param group: the group of the kind in the request log.
    :param meaning: the cause, for the description of the API.
    :param code: the machine-readable name in OpenAI's form.
    :param code_is_final: clients act on `code`, so upstream's own code must not replace it.
    :param retryable: the same request may succeed if it is sent again soon.
    :param upstream_statuses: statuses of upstream that clients get instead of `status`.
    """

    name: KindName
    status: int
    group: Group
    meaning: str
    code: str | None = None
    code_is_final: bool = False
    retryable: bool = False
    upstream_statuses: tuple[int, ...] = ()

    @property
    def is_lasting_limit(self) -> bool:
        """Return whether the limit lasts.  SDKs retry every other 429."""
        return self.status == 429 and not self.retryable


_ROWS = (
    ErrorKind(
        "invalid_request",
        400,
        "client",
        "the request is malformed or contradictory; the message names the field",
    ),
    ErrorKind(
        "unsupported",
        400,
        "client",
        "the request is valid, but Copilot does not support it",
        code="unsupported_value",
    ),
    ErrorKind(
        "prompt_too_long",
        400,
        "client",
        "the prompt exceeds the model's context window",
        code="context_length_exceeded",
        code_is_final=True,
    ),
    ErrorKind(
        "content_filter",
        400,
        "client",
        "Copilot's content filter rejected the request",
        code="content_filter",
        code_is_final=True,
    ),
    ErrorKind(
        "model_not_found",
        404,
        "client",
        "the model does not exist; the message suggests similar names",
        code="model_not_found",
        code_is_final=True,
    ),
    ErrorKind("not_found", 404, "client", "the path or object does not exist", code="not_found"),
    ErrorKind(
        "method_not_allowed",
        405,
        "client",
        "the path has other methods, which `Allow` lists",
        code="method_not_allowed",
    ),
    ErrorKind(
        "too_large",
        413,
        "client",
        "the body is larger than 64 MiB, or than Copilot accepts",
        code="request_too_large",
    ),
    ErrorKind(
        "media_type",
        415,
        "client",
        "the body is compressed (`Content-Encoding`)",
        code="unsupported_media_type",
    ),
    ErrorKind(
        "authentication",
        401,
        "upstream",
        "the API key is missing or invalid, or the bridge has no valid GitHub login",
        code="invalid_api_key",
        code_is_final=True,
    ),
    ErrorKind(
        "permission",
        403,
        "client",
        "not allowed for this key, web page or host name, or by Copilot's policy",
    ),
    ErrorKind(
        "quota",
        429,
        "limit",
        "the plan's quota is used up",
        code="insufficient_quota",
        code_is_final=True,
    ),
    ErrorKind(
        "rate_limited",
        429,
        "limit",
        "rate limit reached; `Retry-After` has the seconds to wait",
        code="rate_limit_exceeded",
        retryable=True,
    ),
    ErrorKind(
        "overloaded",
        529,
        "upstream",
        "Copilot is overloaded",
        code="overloaded",
        retryable=True,
    ),
    ErrorKind(
        "unavailable",
        502,
        "upstream",
        "Copilot responded with an error",
        retryable=True,
        upstream_statuses=(500, 502, 503),
    ),
    ErrorKind(
        "unreachable",
        502,
        "upstream",
        "Copilot can't be reached",
        code="upstream_unreachable",
        retryable=True,
    ),
    ErrorKind(
        "timeout",
        504,
        "upstream",
        "Copilot did not respond in time",
        code="upstream_timeout",
        retryable=True,
    ),
    ErrorKind(
        "stream_cut",
        502,
        "broken",
        "Copilot ended the response before it was complete",
        code="stream_cut",
        retryable=True,
    ),
    ErrorKind(
        "internal",
        500,
        "",
        "internal error of the bridge; its log has details under the request's id",
        code="internal_error",
        retryable=True,
    ),
)

KINDS: dict[KindName, ErrorKind] = {kind.name: kind for kind in _ROWS}

# Those of a GitHub login that only a person can do something about.
LOGIN_ERROR_KINDS: tuple[KindName, ...] = ("authentication", "permission")


class BridgeError(Exception):
    """An error that is reported to a client or to the operator.

    :param message: for people; secrets in it are redacted.
    :param code: the machine-readable name that upstream gave, kept where the dialect has a field for it.
    :param param: the field of the request that is at fault, like ``messages.0.content``.
    :param status: the HTTP status that upstream gave.
    :param headers: headers of upstream's response that the client should get.
    """

    kind: KindName = "internal"
    token_unavailable = False  # the bridge has no Copilot token now, and will get one without help
    another_model = False  # it refuses this model (a budget, the plan, a cooldown); another may respond
    quotes_request = False  # the message may repeat the request's content: for the client, not for a log
    prompt_size: tuple[int, int] | None = None  # of a prompt that is too long: its tokens, and the maximum

    def __init__(
        self,
        message: str,
        *,
        kind: KindName | None = None,
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

    @property
    def facts(self) -> ErrorKind:
        return KINDS[self.kind]

    @property
    def http_status(self) -> int:
        """The status for the client: upstream's own where the kind passes it on."""
        if self.token_unavailable:
            return 503
        return self.status if self.status in self.facts.upstream_statuses else self.facts.status


class ConfigError(BridgeError):
    """A setting is unknown or malformed; the bridge does not start."""


class StoreError(BridgeError):
    """The store can't be read or written at the moment."""


class StoreUnavailable(StoreError):
    """The database can't be reached, or did not respond in time."""


class StoreBusy(StoreError):
    """The database responds, but has no free connection in time for so many requests."""


class InvalidRequest(BridgeError):
    kind: KindName = "invalid_request"


class Unsupported(BridgeError):
    kind: KindName = "unsupported"


class ModelNotFound(BridgeError):
    kind: KindName = "model_not_found"


class LoginRequired(BridgeError):
    """There is no GitHub login, or GitHub no longer accepts it."""

    kind: KindName = "authentication"


class UpstreamRefused(BridgeError):
    """Upstream responded with an error; the rules of its error mapping choose the kind."""

    kind: KindName = "unavailable"


class UpstreamUnreachable(BridgeError):
    """Upstream did not respond.  `unsent`: upstream can't have read a single byte of the request."""

    kind: KindName = "unreachable"
    unsent = False


class UpstreamTimeout(BridgeError):
    kind: KindName = "timeout"


class StreamCut(BridgeError):
    """Upstream ended a response before it was complete."""

    kind: KindName = "stream_cut"
