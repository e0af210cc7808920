"""A bridge that is running somewhere, as its clients see it."""

from typing import Any
from urllib.parse import quote

import orjson
import requests

from copilot_bridge.errors import ConfigError, ModelNotFound, UpstreamRefused
from copilot_bridge.upstream.error_mapping import read_body
from copilot_bridge.upstream.transport.bodies import read_error_body, read_whole
from copilot_bridge.upstream.transport.http_client import HttpClient

PATIENCE = 5.0  # s between two bytes


def ask(client: HttpClient, root: str, path: str, key: str = "", timeout: float = PATIENCE) -> Any:
    """The JSON object that it answers with.  Raises ConfigError: it wants another key; and BridgeError.

    :param root: its address, without a path.
    """
    response = send(client, root + path, key, timeout)
    if response.status_code >= 300:
        message, code, _ = read_body(read_error_body(response))
        if response.status_code == 401:
            raise ConfigError(f"{root} does not let us in: {message or 'it asks for another key'}")
        if response.status_code == 404 and code == "model_not_found":
            raise ModelNotFound(message)
        raise UpstreamRefused(
            f"{root} answered with status {response.status_code}", status=response.status_code
        )
    return read_object(response, root)


def ask_condition(client: HttpClient, root: str, key: str = "") -> str:
    """How it is, in a line; "ready" if all is well.  Raises BridgeError: no bridge answers."""
    told = read_object(send(client, f"{root}/readyz", key), root)
    if not isinstance(state := told.get("state"), str):
        raise UpstreamRefused(f"{root} is no bridge: it does not say how it is")
    store = f" (the store is {told['store']})" if told.get("store") else ""
    reason = f": {told['reason']}" if told.get("reason") and state != "ready" else ""
    return f"{state}{store}{reason}"


def send(client: HttpClient, url: str, key: str, timeout: float = PATIENCE) -> requests.Response:
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    return client.send("GET", url, headers, timeout=timeout)


def read_object(response: requests.Response, root: str) -> dict[str, Any]:
    """Raises UpstreamRefused: it is none."""
    try:
        content = orjson.loads(read_whole(response))
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused(f"{root} is no bridge: its answer is no JSON") from error
    if not isinstance(content, dict):
        raise UpstreamRefused(f"{root} is no bridge: its answer is no JSON object")
    return content


def ask_models(client: HttpClient, root: str, key: str, timeout: float = PATIENCE) -> list[str]:
    """The ids of the models that can be named."""
    rows = ask(client, root, "/v1/models", key, timeout).get("data")
    return (
        [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")]
        if isinstance(rows, list)
        else []
    )


def find_there(client: HttpClient, root: str, key: str, name: str) -> str:
    """The id that a name means.  Raises ModelNotFound."""
    return str(ask(client, root, f"/v1/models/{quote(name, safe='')}", key).get("id") or name)
