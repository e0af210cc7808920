"""Behind a real nginx and Caddy, on a site or below a path of one: the bridge does as it does alone."""

import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from integration.browser import Browser
from integration.harness import PATIENCE, Bridge, ReceivedStream, Response, Simulator
from services.reverse_proxies import NAME, OPERATOR, Caddy, Front, Nginx, body_of
from websockets.sync.client import connect

from copilot_bridge.app import create_app
from copilot_bridge.config import Config

KINDS = {
    "nginx": (Nginx, False),
    "nginx, below a path": (Nginx, True),
    "Caddy": (Caddy, False),
    "Caddy, below a path": (Caddy, True),
}
LINK = re.compile(r'<(\w+)[^>]*?\s(?:href|src|action|data-later)="([^"]*)"')


@pytest.fixture(params=KINDS)
def front(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Path, served: Bridge
) -> Iterator[Front]:
    kind, below = KINDS[request.param]
    front = kind(tmp_path, certificate, f"127.0.0.1:{served.address[1]}", below=below)
    yield front
    front.close()


@pytest.fixture
def browse(front: Front) -> Iterator[Callable[[], Browser]]:
    opened: list[Browser] = []

    def browse() -> Browser:
        opened.append(front.browse())
        return opened[-1]

    yield browse
    for browser in opened:
        browser.close()


@pytest.fixture
def browser(browse: Callable[[], Browser]) -> Browser:
    return browse()


def test_events_arrive_one_by_one(front: Front) -> None:
    """A busy machine may hold up some, but not each time."""
    tries = (statistics.median(gaps_of_a_stream(front)) for _ in range(5))
    assert any(gap > 0.02 for gap in tries), "events were held back, or come in pairs"


def gaps_of_a_stream(front: Front) -> list[float]:
    with closing(front.ask(body_of("[[sim:flood events=10 size=10 gap=60]]", stream=True))) as stream:
        received = ReceivedStream(stream.all())
    assert received.finish_reason == "stop"
    moments = [frame.at for frame in received.frames if b'"content":"The quick' in frame.raw]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(gaps) == 9
    return gaps


def test_a_websocket_passes(front: Front) -> None:
    key = {"x-api-key": OPERATOR}
    url = f"ws://{NAME}{front.prefix}/v1/responses"  # on a connection that has TLS already
    with connect(url, sock=front.connect(), additional_headers=key, compression=None) as client:
        for text in ("once", "and again"):
            turn = {"type": "response.create", "model": "gpt-4o", "input": f"[[sim:say]] {text}"}
            client.send(json.dumps(turn))
            events = iter(lambda: json.loads(client.recv(timeout=PATIENCE)), None)
            last = next(event for event in events if event["type"] == "response.completed")
            assert last["response"]["output"][0]["content"][0]["text"] == text


def test_a_large_body_passes(front: Front, simulator: Simulator, mark: str) -> None:
    with closing(front.ask(body_of(f"{mark} {'x' * 20_000_000}"))) as stream:
        assert stream.status == 200
    assert len(simulator.ledger(mark)) == 1


def test_a_client_that_leaves_is_noticed(front: Front, simulator: Simulator, mark: str) -> None:
    stream = front.ask(body_of(f"[[sim:stall after=4 seconds=30]] one two three {mark}", stream=True))
    assert next(stream.frames())
    left_at = stream.leave()
    ended = simulator.ended(mark)
    assert ended["outcome"] == "client-gone"
    assert ended["ended"] - left_at < 5


def test_a_clients_own_forwarding_headers_are_ignored(front: Front, served: Bridge) -> None:
    """The log has the address that the proxy has seen."""
    headers = ("", "X_Forwarded_For", "X_Real_IP", "Forwarded")
    for name in headers:
        sent_headers = {name: "for=203.0.113.7" if name == "Forwarded" else "203.0.113.7"} if name else {}
        with closing(front.ask(body_of("hello"), source="127.0.0.2", **sent_headers)) as stream:
            response: Response = stream.response()
        assert served.logged(response.headers["x-request-id"])["caller"] == "127.0.0.2", name


def test_signing_in_works_behind_a_proxy(front: Front, browser: Browser) -> None:
    """By a form of ours alone, and the cookie goes back over TLS alone."""
    home = f"{front.prefix}/"
    assert browser.get("/").headers["Location"] == f"{front.prefix}/sign-in?next={home}"
    form = browser.get("/sign-in")
    cookie = form.headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert f"; Path={front.prefix or '/'}" in cookie
    token = browser.token("/sign-in")
    right = {"key": OPERATOR, "csrf_token": token}
    assert browser.post_bare("/sign-in", {"key": OPERATOR}).status_code == 403, "no form of ours"
    for foreign in ("https://evil.example", f"http://{NAME}", "null"):
        assert browser.post_bare("/sign-in", right, Origin=foreign).status_code == 403, foreign
    assert browser.get("/").status_code == 303, "nobody has signed in so far"
    done = browser.post_bare("/sign-in", right, Origin=f"https://{NAME}", **{"Sec-Fetch-Site": "same-origin"})
    assert (done.status_code, done.headers["Location"]) == (303, home)
    assert "; Secure" in done.headers["Set-Cookie"]
    assert f"https://{NAME}{front.prefix}/v1<" in browser.get("/").text
    signed_out = browser.post("/sign-out", "/")
    assert signed_out.headers["Location"] == f"{front.prefix}/sign-in"
    assert browser.get("/").status_code == 303


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The addresses of all whose paths take no argument."""
    app = create_app(Config(home=tmp_path_factory.mktemp("home")))
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]
    paths = [rule.rule for rule in rules if not rule.arguments and "GET" in (rule.methods or ())]
    return [f"{path}?once=1&part=status" if path.endswith("/live") else path for path in paths]


def patiently(browser: Browser, path: str) -> Any:
    """The samples let a client ask so often in a second and no more."""
    for _ in range(100):
        response = browser.get(path)
        if response.status_code != 429:
            break
        time.sleep(0.1)
    return response


def test_all_that_pages_lead_to_is_there(front: Front, browser: Browser, pages: list[str]) -> None:
    browser.sign_in(OPERATOR)
    links: set[str] = set()
    for path in pages:
        page = patiently(browser, path)
        assert page.status_code in (200, 303), path
        found = {link.partition("#")[0] for kind, link in LINK.findall(page.text) if kind != "form"}
        links |= {link for link in found if link.startswith("/")}
        assert all(link.startswith(("/", "https:", "http://127.0.0.1:")) or not link for link in found), found
        posted = [link for kind, link in LINK.findall(page.text) if kind == "form"]
        assert all(action.startswith(f"{front.prefix}/") for action in posted), posted
    assert any("/js/main.js" in link for link in links)
    for link in links:
        assert link.startswith(f"{front.prefix}/"), link
        response = patiently(browser, link.removeprefix(front.prefix))
        assert response.status_code in (200, 303), link
        assert "/assets/" not in link or "immutable" in response.headers["Cache-Control"]
    for path in ("/approvals/nothing", "/nothing"):
        assert patiently(browser, path).status_code == 404


def settled(page: str) -> str:
    """Without what differs from one time to the next."""
    return re.sub(r'name="csrf_token" value="[^"]+"|<time.*?</time>', "", page)


def test_a_client_does_not_say_where_the_bridge_is(front: Front, browser: Browser) -> None:
    """Names that WSGI takes for the same don't help either."""
    browser.sign_in(OPERATOR)
    page = settled(browser.get("/docs").text)
    assert f"https://{NAME}{front.prefix}/v1" in page
    lies = {"Prefix": "/evil", "Proto": "http", "Host": "127.0.0.1", "Port": "1", "For": "127.0.0.1"}
    for spelling in ("X-Forwarded-{}", "x-forwarded-{}", "X_Forwarded_{}", "X-Forwarded_{}"):
        sent_headers = {spelling.format(name): value for name, value in lies.items()}
        response = browser.get("/docs", **sent_headers, Forwarded="for=127.0.0.1;proto=http;host=127.0.0.1")
        assert (response.status_code, settled(response.text)) == (200, page), spelling
        chosen = browser.get("/docs?theme=auto", **sent_headers)
        assert "; Secure" in chosen.headers["Set-Cookie"], spelling
        assert chosen.headers["Location"] == f"{front.prefix}/docs", spelling


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
def test_a_wrong_name_is_not_made_right(front: Front, browser: Browser, host: str) -> None:
    response = browser.get("/sign-in", Host="evil.example", **{"X-Forwarded-Host": host})
    assert response.status_code != 200 or not response.content  # Caddy knows nothing of such a site
