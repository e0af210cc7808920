"""A client of another bridge that is running somewhere."""

from typing import Any
from urllib.parse import quote

import orjson
import requests

from copilot_bridge.errors import ConfigError, ModelNotFound, UpstreamRefused
from copilot_bridge.upstream.error_mapping import read_body
from copilot_bridge.upstream.transport.bodies import read_error_body, read_whole
from copilot_bridge.upstream.transport.http_client import HttpClient

TIMEOUT = 5.0  # seconds between two bytes


def get_json(client: HttpClient, root: str, path: str, key: str = "", timeout: float = TIMEOUT) -> Any:
    """The JSON object of the bridge's response.

    :param root: the bridge's address, without a path.
    :raises ConfigError: the bridge wants another key.
    :raises BridgeError: no bridge responds, or it refuses.
    """
    response = send(client, root + path, key, timeout)
    if response.status_code >= 300:
        message, code, _ = read_body(read_error_body(response))
        if response.status_code == 401:
            raise ConfigError(f"{root} rejects the key: {message or 'it requires another one'}")
        if response.status_code == 404 and code == "model_not_found":
            raise ModelNotFound(message)
        raise UpstreamRefused(
            f"{root} responded with status {response.status_code}", status=response.status_code
        )
    return read_object(response, root)


def get_condition(client: HttpClient, root: str, key: str = "") -> str:
    """The bridge's condition in one line; "ready" if all is well.

    :raises BridgeError: no bridge responds.
    """
    report = read_object(send(client, f"{root}/readyz", key), root)
    if not isinstance(state := report.get("state"), str):
        raise UpstreamRefused(f"{root} is not a bridge: its response has no state")
    store = f" (the store is {report['store']})" if report.get("store") else ""
    reason = f": {report['reason']}" if report.get("reason") and state != "ready" else ""
    return f"{state}{store}{reason}"


def send(client: HttpClient, url: str, key: str, timeout: float = TIMEOUT) -> requests.Response:
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    return client.send("GET", url, headers, timeout=timeout)


def read_object(response: requests.Response, root: str) -> dict[str, Any]:
    """The JSON object of a response.

    :raises UpstreamRefused: it is something else.
    """
    try:
        content = orjson.loads(read_whole(response))
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused(f"{root} is not a bridge: its response is not JSON") from error
    if not isinstance(content, dict):
        raise UpstreamRefused(f"{root} is not a bridge: its response is not a JSON object")
    return content


def list_models(client: HttpClient, root: str, key: str, timeout: float = TIMEOUT) -> list[str]:
    """The ids of the bridge's models."""
    rows = get_json(client, root, "/v1/models", key, timeout).get("data")
    return (
        [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")]
        if isinstance(rows, list)
        else []
    )


def resolve_model(client: HttpClient, root: str, key: str, name: str) -> str:
    """The id of the model that a name means.

    :raises ModelNotFound: there is none.
    """
    return str(get_json(client, root, f"/v1/models/{quote(name, safe='')}", key).get("id") or name)
