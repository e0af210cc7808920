"""`start` where nobody can be served yet: it listens, says why everywhere, and needs no restart."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from integration.harness import Simulator, new_token
from integration.services import MakeUnit, Service

from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store

GEVENT = {"server": "gevent"}


def state_of(service: Service) -> str:
    ready = service.request("GET", "/readyz")
    assert ready.status == 503
    assert 1 <= int(ready.headers["retry-after"]) <= 60
    assert ready.json["reason"]
    state: str = ready.json["state"]
    return state


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_a_start_without_a_login(make_unit: MakeUnit, simulator: Simulator, server: str) -> None:
    """The first login is done by the browser."""
    unit = make_unit(github_token="", server=server)
    service = unit.up()
    assert state_of(service) == "login needed"
    service.log.wait_for(lambda line: "login needed: there is no GitHub login" in line)
    refused = service.chat("hello")
    assert refused.status == 401
    assert "copilot-bridge auth" in refused.error["message"]
    assert b"/auth/device" in service.request("GET", "/", headers={"Accept": "text/html"}).body
    store = open_store(service.home)
    store.logins.add("octo-demo", Secret(new_token()), simulator.url)
    store.changes.bump()
    store.close()
    service.log.wait_for(lambda line: "status" in line and "ready" in line)
    assert service.request("GET", "/readyz").json["state"] == "ready"
    assert service.chat("hello").status == 200
    unit.messages.wait_for(f"STATUS={'1 worker(s), ' if server == 'gunicorn' else ''}ready")


@pytest.mark.parametrize(
    ("persona", "state", "status"),
    [
        ("unicorn", "waiting for GitHub", 503),
        ("ratelimited", "waiting for GitHub", 429),
        ("nobody", "login needed", 401),
        ("noaccess", "login needed", 403),
    ],
)
def test_each_refusal_of_github_has_its_state(
    make_unit: MakeUnit, persona: str, state: str, status: int
) -> None:
    service = make_unit(github_token=new_token(persona), **GEVENT).up()
    assert state_of(service) == state
    refused = service.chat("hello")
    assert refused.status == status
    if state == "waiting for GitHub":
        assert int(refused.headers["retry-after"]) >= 1
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
    assert service.request("POST", "/v1/messages", body).json["type"] == "error"


class Portal(http.server.BaseHTTPRequestHandler):
    """The login page of a Wi-Fi, whatever was asked for."""

    def do_GET(self) -> None:
        page = b"<html><form>Room number?</form></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def portal() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_captive_portal_counts_as_no_github(make_unit: MakeUnit, portal: str) -> None:
    service = make_unit(github_api_url=portal, github_url=portal, copilot_api_url=portal, **GEVENT).up()
    assert state_of(service) == "waiting for GitHub"
    assert service.chat("hello").status == 503
    assert "<html" not in service.chat("hello").error["message"]
