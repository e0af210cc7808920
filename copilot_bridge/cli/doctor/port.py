"""The check of the port that the bridge listens on."""

import socket

from copilot_bridge import __version__
from copilot_bridge.cli.doctor.check import CheckContext, Finding, failed, ok, warning
from copilot_bridge.cli.doctor.network import reason
from copilot_bridge.errors import (
    BridgeError,
    UpstreamUnreachable,
)
from copilot_bridge.serving.address import base_url
from copilot_bridge.upstream.bridge_client import get_condition, get_json


def port(context: CheckContext) -> Finding:
    """Check whether a bridge runs on the port, or could."""
    url = base_url(context.config.host, context.config.port)
    try:
        identity = get_json(context.bridge.client, url, "/")
    except UpstreamUnreachable:
        return free(context, url)
    except BridgeError as error:
        return port_taken(url, str(error))
    if identity.get("name") != "copilot-bridge":
        return port_taken(url, "it does not respond as a bridge does")
    if identity.get("version") != __version__:
        return warning(
            f"version {identity.get('version')} runs at {url}, this is {__version__}",
            "copilot-bridge service restart",
        )
    try:
        condition = get_condition(context.bridge.client, url)
    except BridgeError as error:
        condition = str(error)
    if condition != "ready":
        return warning(f"a bridge runs at {url} and reports: {condition}", "copilot-bridge service logs")
    return ok(f"a bridge runs at {url}, and is ready")


def free(context: CheckContext, url: str) -> Finding:
    host, number = context.config.host, context.config.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, number), family=family).close()
    except OSError as error:
        return failed(f"can't listen on {host}:{number}: {reason(error)}", "copilot-bridge start --port 4142")
    return ok(f"free; no bridge runs at {url} (copilot-bridge start)")


def port_taken(url: str, why: str) -> Finding:
    return failed(f"another program listens at {url}: {why}", "copilot-bridge start --port 4142")
