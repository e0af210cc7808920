"""compose.several.yaml and nginx/several.conf, as far as they run without a container engine."""

import contextlib
import http.client
import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import ROOT, Bridge, Response, Start, new_token
from processes import spawn
from ruamel.yaml import YAML
from services.postgres import Server
from services.reverse_proxies import MAIN, find, free_port
from services.test_postgres import KEY_OF_STORE
from services.test_store_campaign import wait_until

KEY = "a-key-that-is-long-enough"
SECRETS = {
    "POSTGRES_PASSWORD": "secret",
    "COPILOT_BRIDGE_STORE_KEY": KEY_OF_STORE,
    "COPILOT_BRIDGE_API_KEY": KEY,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed")
    server = Server()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


def compose() -> dict[str, object]:
    text = (ROOT / "compose.several.yaml").read_text()
    filled = re.sub(r"\$\{(\w+):\?\}", lambda found: SECRETS[found[1]], text)
    loaded: dict[str, object] = YAML(typ="safe").load(filled)
    return loaded


def settings_of(service: str, url: str) -> dict[str, str]:
    """As the compose file has them, but for where the database is."""
    services = compose()["services"]
    given: dict[str, str] = dict(services[service]["environment"])  # type: ignore[index]
    assert given["COPILOT_BRIDGE_DATABASE_URL"] == "postgresql://bridge:secret@postgres:5432/bridge"
    prefix = "COPILOT_BRIDGE_"
    # nginx stands on loopback here
    here = {"database_url": url, "trusted_proxy": "127.0.0.0/8"}
    return {name.removeprefix(prefix).lower(): value for name, value in given.items()} | here


def test_two_bridges_behind_nginx_share_their_store(
    server: Server, start_bridge: Start, tmp_path: Path
) -> None:
    """Both answer; when one dies the other goes on, and what one has stored the other knows."""
    nginx = find("nginx")
    url = server.database("several")
    token = new_token()
    bridges = {
        name: start_bridge(github_token=token, **settings_of(name, url)) for name in ("bridge-1", "bridge-2")
    }
    site = (ROOT / "nginx" / "several.conf").read_text()
    for name, bridge in bridges.items():
        assert f"server {name}:4141 " in site
        site = site.replace(f"{name}:4141", f"127.0.0.1:{bridge.address[1]}")
    port = free_port()
    assert "listen 80;" in site
    (tmp_path / "site.conf").write_text(site.replace("listen 80;", f"listen 127.0.0.1:{port};"))
    (tmp_path / "nginx.conf").write_text(MAIN.format(here=tmp_path))
    front = spawn([nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        through = Through(port, next(iter(bridges.values())))
        wait_until(through.responses, "nginx does not respond")
        for bridge in bridges.values():
            bridge.warm_up(KEY)
        response = through.post("/v1/responses", {"model": "gpt-4.1", "input": "hello"})
        answered_by = [through.post("/v1/responses", goes_on(response)).status for _ in range(6)]
        assert set(answered_by) == {200}, "a conversation goes on anywhere"
        first = bridges["bridge-1"]
        first.stop()  # killed, with all that it has started
        assert [through.post("/v1/responses", goes_on(response)).status for _ in range(4)] == [200] * 4
        assert through.post("/v1/responses", goes_on(response), key="wrong-key-of-nobody").status == 401
    finally:
        front.send_signal(signal.SIGTERM)
        front.wait(20)


def goes_on(response: Response) -> dict[str, object]:
    return {"model": "gpt-4.1", "input": "and then?", "previous_response_id": response.json["id"]}


class Through:
    """Requests by way of nginx."""

    def __init__(self, port: int, some: Bridge) -> None:
        self._port = port
        self._some = some

    def responses(self) -> bool:
        try:
            return self.post("/v1/chat/completions", {}).status != 502
        except OSError:
            return False

    def post(self, path: str, body: dict[str, object], key: str = KEY) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json", "x-api-key": key, "Host": "localhost"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())


def test_the_database_driver_is_built_in() -> None:
    build = compose()["services"]["bridge-1"]["build"]  # type: ignore[index]
    assert build["args"]["PACKAGES"] == "psycopg[binary,pool]"
    assert "ARG PACKAGES" in (ROOT / "Dockerfile").read_text()
