"""CORS: the headers by which a browser lets a page of another origin use the APIs."""

from flask import Response, request

from copilot_bridge.http.context import bridge


def preflight() -> Response:
    """Respond to a preflight request; foreign origins have been rejected before."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    allowed = {"Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS", "Access-Control-Max-Age": "600"}
    if "Access-Control-Request-Private-Network" in request.headers:
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(status=204, headers=allowed | {"Access-Control-Allow-Headers": asked})


def allow_origin(response: Response) -> None:
    """Adds the CORS headers for a page whose origin the settings allow."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin and bridge().origin_policy.allows(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers.add("Vary", "Origin")
