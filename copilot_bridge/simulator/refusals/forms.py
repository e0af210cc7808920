"""The forms of error bodies, and refusals whose message is made for a request."""

import secrets
from typing import Any

from copilot_bridge.simulator.refusals.refusal import Refusal

DOCS = "https://docs.github.com/rest"

UNICORN = """<!DOCTYPE html>
<html>
  <head><meta charset="utf-8"><title>Unicorn! &middot; GitHub</title></head>
  <body>
    <p><strong>We had issues producing the response to your request.</strong></p>
    <p>Sorry about that. Please try refreshing and contact us if the problem persists.</p>
  </body>
</html>
"""


def openai_error(message: str, code: str, **more: str) -> dict[str, Any]:
    """Body shapes 1 and 2: `{"error": {"message", "code"[, "param", "type"]}}`."""
    return {"error": {"message": message, "code": code, **more}}


def envelope(notification: str, title: str, message: str, signup: bool = False) -> dict[str, Any]:
    """The token exchange's own refusal; `{EDITOR}` is literal."""
    return {
        "can_signup_for_limited": signup,
        "error_details": {
            "message": message,
            "notification_id": notification,
            "title": title,
            "url": "https://github.com/github-copilot/signup?editor={EDITOR}",
        },
        "message": "Resource not accessible by integration",
    }


def rest_error(status: int, message: str) -> dict[str, Any]:
    return {"message": message, "documentation_url": DOCS, "status": str(status)}


def github_refusal(status: int, message: str, about: str, **headers: str) -> Refusal:
    """A refusal of api.github.com."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(status=status, body=rest_error(status, message), about=about, headers=named)


def plain(status: int, text: str, about: str) -> Refusal:
    """A refusal of the Copilot API's front door: one line of text."""
    return Refusal(status=status, body=text + "\n", kind="text", about=about)


def invalid(message: str, code: str = "invalid_request_body", **more: str) -> Refusal:
    """A 400 of the Copilot API with a message made for this request."""
    return Refusal(status=400, body=openai_error(message, code, **more), kind="json-text", about=message)


def misuse(message: str) -> Refusal:
    """A refusal of the simulator's own: a test asks it for something that it can't do."""
    return Refusal(status=400, body=openai_error(f"simulator: {message}", "simulator_misuse"), about=message)


def anthropic_error(message: str, kind: str = "invalid_request_error", **more: str) -> dict[str, Any]:
    """Body shape 3; the request id names the backend."""
    error = {"type": kind, "message": message, **more}
    return {"type": "error", "error": error, "request_id": f"req_vrtx_{secrets.token_hex(12)}"}


def invalid_message(message: str) -> Refusal:
    """A 400 of the messages surface."""
    return Refusal(status=400, body=anthropic_error(message), about=message)


def plain_json(message: str) -> Refusal:
    """A 400 in the bare body shape, as a gateway before the messages surface says it."""
    return Refusal(status=400, body={"message": message}, kind="json-text", about=message)


def extra_inputs(path: str) -> Refusal:
    return invalid_message(f"{path}: Extra inputs are not permitted")


def model_not_supported(message: str = "The requested model is not supported.") -> Refusal:
    return invalid(message, "model_not_supported", param="model", type="invalid_request_error")


def unsupported_api(model: str, path: str) -> Refusal:
    if path.endswith("/responses"):
        return invalid(f"model {model} is not supported via Responses API.", "unsupported_api_for_model")
    return invalid(f'model "{model}" is not accessible via the {path} endpoint', "unsupported_api_for_model")
