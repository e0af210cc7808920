"""The transport of responses on raw sockets, and the ledger's record of it."""

import threading
import time
from contextlib import closing

import pytest
from simulator_calls import Client, events_in, read_to_end, text_in

HELLO = 'You said: "hello". I am GPT-4o, simulated: no model was asked.'


def split(response: bytes) -> tuple[bytes, bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    return head.lower(), body


@pytest.mark.parametrize(
    "fault",
    [
        "pieces size=7",
        "comments",
        "crlf",
        "gzip",
        "close-delimited",
        "length-delimited",
        "slow-headers seconds=0.05",
        "slow-body seconds=0.05",
        "stall after=3 seconds=0.05",
    ],
)
def test_harmless_oddities_change_no_text(client: Client, fault: str) -> None:
    response = client.chat(f"[[sim:{fault}]]hello", stream=True)
    assert text_in(events_in(response.content.replace(b"\r\n", b"\n"))) == HELLO


def test_bytewise_makes_a_chunk_of_each_byte(client: Client) -> None:
    _head, body = split(client.received("[[sim:bytewise]][[sim:say]]é"))
    sizes = set(body.split(b"\r\n")[0:-3:2])
    assert sizes == {b"1"}


def test_each_framing_can_be_chosen(client: Client) -> None:
    assert b"transfer-encoding: chunked" in split(client.received("hello"))[0]
    head, body = split(client.received("[[sim:close-delimited]] hello"))
    assert b"connection: close" in head
    assert body.endswith(b"[DONE]\n\n")
    assert b"content-encoding: gzip" in split(client.received("[[sim:gzip]] hello"))[0]
    assert b"\r\n\r\n" in split(client.received("[[sim:crlf]] hello"))[1]
    assert split(client.received("[[sim:comments]] hello"))[1].count(b": of upstream\n\n") > 5


def test_each_cut_ends_where_it_should(client: Client) -> None:
    _head, body = split(client.received("[[sim:cut-in-frame after=3]] hello"))
    assert body.count(b"\n\n") == 3
    assert not body.endswith(b"0\r\n\r\n")
    _head, body = split(client.received("[[sim:cut-between after=3]] hello"))
    assert body.endswith(b"\n\n\r\n")
    assert body.count(b"data: ") == 3
    for name in ("close-before-response", "close-before-reply"):
        assert client.received(f"[[sim:{name}]] hello") == b""


def test_whole_responses_are_cut_too(client: Client) -> None:
    with closing(client.dial("[[sim:cut-in-frame]] hello", stream=False)) as sock:
        head, body = split(read_to_end(sock))
    announced = int(head.partition(b"content-length: ")[2].split()[0])
    assert 0 < len(body) < announced


def test_a_reset_is_a_reset(client: Client) -> None:
    with closing(client.dial("[[sim:reset after=2]] hello")) as sock, pytest.raises(ConnectionResetError):
        read_to_end(sock)


def test_the_whitespace_loop_has_no_end(client: Client) -> None:
    with closing(client.dial("[[sim:whitespace-loop]] hello")) as sock:
        found = b""
        while found.count(rb" \n\t\n") < 200:
            found += sock.recv(65536)


@pytest.mark.parametrize(
    "silence",
    [
        "stall after=2 seconds=60",
        "slow-headers seconds=60",
        "slow-body seconds=60",
        "flood events=9 gap=60000",
    ],
)
def test_a_client_who_leaves_in_silence_is_noticed(client: Client, silence: str) -> None:
    mark = f"leaving{client.suffix}"
    with closing(client.dial(f"[[sim:{silence}]] {mark}")):
        [entry] = client.ledger(mark, started=1, timeout=5)
        assert (entry["ended"], entry["outcome"]) == (None, None)
    left_at = time.time()
    [entry] = client.ledger(mark, ended=1, timeout=5)
    assert entry["outcome"] == "client-gone"
    assert entry["ended"] - left_at < 0.1


def test_a_client_who_leaves_a_flood_is_noticed(client: Client) -> None:
    mark = f"flooded{client.suffix}"
    with closing(client.dial(f"[[sim:flood events=100000 size=1000]] {mark}")) as sock:
        sock.recv(1000)
    assert client.ledger(mark, ended=1, timeout=5)[0]["outcome"] == "client-gone"


def test_the_ledger_shows_requests(client: Client) -> None:
    client.chat(f"look at me{client.suffix}")
    [entry] = client.ledger(f"me{client.suffix}", path="/chat/completions", ended=1, timeout=5)
    assert (entry["method"], entry["persona"], entry["outcome"]) == ("POST", "demo", "complete")
    assert entry["headers"]["editor-version"] == "vscode/1.110.0"
    assert entry["body"]["messages"][0]["content"] == f"look at me{client.suffix}"
    assert entry["started"] <= entry["ended"]
    with closing(client.dial(f"[[sim:cut-between]] cut{client.suffix}")) as sock:
        read_to_end(sock)
    assert client.ledger(f"cut{client.suffix}", ended=1, timeout=5)[0]["outcome"] == "fault"


def test_big_bodies_are_shortened(client: Client) -> None:
    client.chat(f"big{client.suffix}" + "x" * 100_000)
    [entry] = client.ledger(f"big{client.suffix}")
    assert 2000 < len(entry["body"]["messages"][0]["content"]) < 3000


def test_the_ledger_waits(client: Client) -> None:
    mark = f"later{client.suffix}"
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.extend(Client(client.url).ledger(mark, timeout=5)))
    waiting.start()
    client.chat(mark)
    waiting.join()
    assert len(found) == 1
    assert client.ledger("nothing at all", timeout=0.01) == []


def test_the_ledger_can_be_emptied(client: Client) -> None:
    client.chat("hello")
    client.request("DELETE", "/_simulator/requests")
    assert client.ledger("") == []


def test_many_streams_at_once(client: Client) -> None:
    headers = client.headers()
    client.headers = lambda *_a, **_k: headers  # type: ignore[method-assign]  # one exchange is enough
    socks = [client.dial("[[sim:flood events=3 size=10 gap=100 shape=clean]]") for _ in range(300)]
    for sock in socks:
        with closing(sock):
            assert read_to_end(sock).count(b"data: ") == 7
