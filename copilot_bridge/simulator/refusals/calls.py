"""The refusals of the Copilot API, word by word.

Many are served as `text/plain` with a line end, as the real API does: parse, don't trust the type.
"""

from collections.abc import Mapping
from typing import Any

from copilot_bridge.simulator.refusals.forms import (
    UNICORN,
    anthropic_error,
    openai_error,
    plain,
)
from copilot_bridge.simulator.refusals.refusal import Refusal


def items_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The items of a conversation in Responses."""
    given = body.get("input")
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def kinds_of(body: Mapping[str, Any]) -> set[object]:
    """The kinds of the blocks of a conversation in Messages."""
    contents = (message.get("content") for message in body.get("messages") or ())
    blocks = (block for content in contents if isinstance(content, list) for block in content)
    return {block.get("type") for block in blocks if isinstance(block, dict)}


CALLS = {
    "expired-token": plain(401, "unauthorized: token expired", "the Copilot token is too old"),
    "ide-token-expired": plain(401, "IDE token expired: unauthorized: token expired", "the same, longer"),
    "authenticate": plain(
        401,
        "unauthorized: AuthenticateToken authentication failed",
        "no usable bearer, or a foreign tenant's",
    ),
    "hmac": plain(
        401,
        "unauthorized: unable to validate HMAC for the given Copilot-Integration-ID",
        "the token was minted for another integration",
    ),
    "pat-permission": plain(
        401,
        "unauthorized: Personal Access Token does not have Copilot Requests permission",
        "a fine-grained PAT without the permission",
    ),
    "pat-unsupported": plain(
        400,
        "checking third-party user token: bad request: Personal Access Tokens are not supported "
        "for this endpoint",
        "a classic PAT used as bearer",
    ),
    "missing-editor": plain(
        400, "bad request: missing Editor-Version header for IDE auth", "no Editor-Version"
    ),
    "unknown-editor": plain(
        400, "bad request: unknown Editor-Version header for IDE auth", "Editor-Version of an unknown form"
    ),
    "missing-integration": plain(
        400, "bad request: missing required Copilot-Integration-Id header", "no Copilot-Integration-Id"
    ),
    "unknown-integration": plain(
        400, "bad request: unknown Copilot-Integration-Id", "Copilot-Integration-Id unknown"
    ),
    "missing-vision": Refusal(
        status=400,
        body=openai_error("missing required Copilot-Vision-Request header for vision requests", ""),
        about="an image without Copilot-Vision-Request",
    ),
    "auto-selector": plain(401, "Invalid auto-mode selector", "a Copilot-Session-Token of another account"),
    "item-id": plain(
        401,
        "input item ID does not belong to this connection",
        "replayed ids of a response: a 401 that a new token does not heal",
    ),
    "item-id-400": Refusal(
        status=400,
        body=openai_error("input item ID does not belong to this connection", "invalid_request_body"),
        kind="json-text",
        about="the same as a 400; only if the request has ids, or reasoning that holds some",
        only_if=lambda body: any("id" in item or item.get("encrypted_content") for item in items_of(body)),
    ),
    "encrypted-content": Refusal(
        status=400,
        body=openai_error(
            "The encrypted content gAAA...c90= could not be verified.", "invalid_encrypted_content"
        ),
        kind="json-text",
        about="only if the request has encrypted reasoning: it can't be verified",
        only_if=lambda body: any(item.get("encrypted_content") for item in items_of(body)),
    ),
    "encrypted-item-id": Refusal(
        status=400,
        body=openai_error(
            "The encrypted content for item rs_8da9ef7855bf82c9 could not be verified. "
            "Reason: Encrypted content item_id did not match the target item id.",
            "invalid_request_body",
        ),
        kind="json-text",
        about="the same, because of its id",
        only_if=lambda body: any(item.get("encrypted_content") for item in items_of(body)),
    ),
    "thinking-modified": Refusal(
        status=400,
        body=anthropic_error(
            "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message "
            "cannot be modified. These blocks must remain as they were in the original response."
        ),
        about="only if the request has thinking in its history",
        only_if=lambda body: "thinking" in kinds_of(body),
    ),
    "thinking-expected": Refusal(
        status=400,
        body=anthropic_error(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. "
            "When `thinking` is enabled, a final `assistant` message must start with a thinking block "
            "(preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        ),
        about="only if thinking is enabled, and the history has calls but no thinking",
        only_if=lambda body: (
            bool(body.get("thinking")) and "tool_use" in kinds_of(body) and "thinking" not in kinds_of(body)
        ),
    ),
    "no-response-format": Refusal(
        status=400,
        body=openai_error(
            "Unsupported parameter: 'response_format' is not supported with this model.",
            "unsupported_parameter",
            param="response_format",
            type="invalid_request_error",
        ),
        kind="json-text",
        about="only if the body has response_format",
        only_if=lambda body: "response_format" in body,
    ),
    "no-stop": Refusal(
        status=400,
        body=openai_error(
            "Unsupported parameter: 'stop' is not supported with this model.",
            "unsupported_parameter",
            param="stop",
            type="invalid_request_error",
        ),
        kind="json-text",
        about="only if the body has stop",
        only_if=lambda body: "stop" in body,
    ),
    "no-text-format": Refusal(
        status=400,
        body=openai_error(
            "Unsupported parameter: 'text.format' is not supported with this model.",
            "unsupported_parameter",
            param="text.format",
            type="invalid_request_error",
        ),
        kind="json-text",
        about="only if the body has text.format",
        only_if=lambda body: "format" in (body.get("text") or {}),
    ),
    "unknown-parameter": Refusal(
        status=400,
        body=openai_error("Unknown parameter: 'input[0].phase'.", "invalid_request_body"),
        kind="json-text",
        about="only if an item has a phase",
        only_if=lambda body: any("phase" in item for item in items_of(body)),
    ),
    "overflow": Refusal(
        status=400,
        body=openai_error(
            "prompt token count of 138898 exceeds the limit of 64000", "model_max_prompt_tokens_exceeded"
        ),
        kind="json-text",
        about="the prompt is too long",
    ),
    "context-window": Refusal(
        status=400,
        body=openai_error(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "invalid_request_body",
        ),
        kind="json-text",
        about="the prompt is too long, as responses says it",
    ),
    "prompt-too-long": Refusal(
        status=400,
        body=anthropic_error(
            "prompt is too long: 1051542 tokens > 1000000 maximum", code="model_max_prompt_tokens_exceeded"
        ),
        about="the prompt is too long, as messages says it",
    ),
    "previous-response": Refusal(
        status=400,
        body={"message": "Previous response not found.", "code": "previous_response_not_found"},
        about="responses are not kept, so that none can be continued",
    ),
    "vertex-partner": Refusal(
        status=400,
        body=anthropic_error(
            "FAILED_PRECONDITION: violates constraints/vertexai.allowedPartnerModelFeatures",
        ),
        about="structured outputs on a backend that has none",
    ),
    "integrator": Refusal(
        status=400,
        body=openai_error(
            'The requested model is not available for integrator "vscode-chat".',
            "model_not_available_for_integrator",
        ),
        kind="json-text",
        about="the model is not offered to this integration",
    ),
    "rate-limited-400": Refusal(
        status=400,
        body=openai_error("Sorry, you have been rate-limited. Please wait a moment.", "rate_limited"),
        kind="json-text",
        about="a rate limit disguised as a 400",
    ),
    "max-tokens": Refusal(
        status=400,
        body=openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
            param="max_tokens",
            type="invalid_request_error",
        ),
        kind="json-text",
        about="only if the body has max_tokens: use max_completion_tokens",
        only_if=lambda body: "max_tokens" in body,
    ),
    "tool-choice-required": Refusal(
        status=400,
        body=openai_error(
            "Invalid value for 'tool_choice': 'required' is not supported.",
            "invalid_request_body",
            param="tool_choice",
            type="invalid_request_error",
        ),
        kind="json-text",
        about="only if tool_choice is required",
        only_if=lambda body: body.get("tool_choice") == "required",
    ),
    "quota": Refusal(
        status=402,
        body=openai_error("You have no quota", "quota_exceeded"),
        about="the monthly quota is used up; retry-after is a date",
        headers={"retry-after": "<in an hour, date>"},
    ),
    "quota-bare": Refusal(
        status=402,
        body={"message": "You have no quota", "code": "quota_exceeded"},
        about="the same in the bare body shape, without retry-after",
    ),
    "unauthorized-feature": plain(
        403, "unauthorized: not authorized to use this Copilot feature", "policy, no seat, or wrong plan host"
    ),
    "forbidden": plain(403, "forbidden", "revoked, or the model isn't authorised"),
    "model-not-allowed": Refusal(
        status=403,
        body=openai_error("The requested model is not allowed on your plan.", "model_not_allowed"),
        about="the plan doesn't include the model",
    ),
    "entity-too-large": Refusal(
        status=413,
        body="Request Entity Too Large\n",
        kind="text",
        about="the body is too big",
        edge=True,
    ),
    "misdirected": Refusal(
        status=421,
        body="Misdirected Request\n",
        kind="text",
        about="this host doesn't serve the account's plan",
        edge=True,
    ),
    "content-policy-422": plain(
        422,
        "The prompt was filtered by the Responsible AI Service",
        "the content filter, before any response",
    ),
    "weekly": Refusal(
        status=429,
        body=openai_error(
            "Sorry, you've exceeded your weekly rate limit. Please review our [Terms of Service]"
            "(https://docs.github.com/site-policy/github-terms/github-terms-of-service).",
            "user_weekly_rate_limited",
        ),
        about="weekly rate limit, retry-after 2733 s",
        headers={"retry-after": "2733", "x-ratelimit-exceeded": "user-weekly-requests"},
    ),
    "model-limit": Refusal(
        status=429,
        body=openai_error(
            "Sorry, you have exceeded this model's rate limit. Please switch to a different model.",
            "user_model_rate_limited",
        ),
        about="the limit of one model, retry-after 7200 s",
        headers={"retry-after": "7200", "x-ratelimit-exceeded": "user-model-requests"},
    ),
    "global-limit": Refusal(
        status=429,
        body=openai_error(
            "Sorry, you've exceeded your rate limits. Please retry after 2733 seconds.",
            "user_global_rate_limited:pro",
        ),
        about="the account's limit; only the text says for how long",
    ),
    "client-too-old": plain(
        466, "The client version is no longer supported, please update.", "raise Editor-Version"
    ),
    "unicorn": Refusal(
        status=502, body=UNICORN, kind="html", about="an outage: HTML from the edge", edge=True
    ),
    "unavailable": plain(503, "upstream provider rate limit", "read as a rate limit of the model's provider"),
    "internal": plain(500, "internal server error", "a model's backend has failed over the request"),
    "overloaded": Refusal(
        status=529,
        body={
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "request_id": "req_vrtx_EXAMPLE",
        },
        about="the provider is overloaded",
    ),
}
