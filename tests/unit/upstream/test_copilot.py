"""The requests that follow each response; nothing is sent twice without a reason."""

import json
from http.client import RemoteDisconnected

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from copilot_bridge.errors import UpstreamTimeout, UpstreamUnreachable
from copilot_bridge.upstream.copilot import MAX_ADAPTATIONS
from copilot_bridge.upstream.error_mapping import Refusal
from copilot_bridge.upstream.signals import Signals

EXCHANGE = "https://api.github.com/copilot_internal/v2/token"
USER = "https://api.github.com/copilot_internal/user"
COPILOT = "https://api.githubcopilot.com"
BUSINESS = "https://api.business.githubcopilot.com"
PATH = "/chat/completions"
BODY = b'{"model": "gpt-4o", "messages": []}'
OK = (200, "{}")
EXPIRED = (401, "unauthorized: token expired\n")
RESET = requests.ConnectionError("reset")
SIGNALS = Signals("user", session="s", interaction="i", task="t")


def unsent():
    """As requests says that there was no connection."""
    refused = NewConnectionError(None, "refused")
    return requests.ConnectionError(MaxRetryError(None, "/", refused))


TUNNEL = requests.exceptions.ProxyError("Tunnel connection failed: 502")
LIMIT = (400, '{"error": {"message": "Unsupported: use max_completion_tokens instead", "code": "x"}}')


@pytest.fixture
def script(hub):
    """Copilot's responses in order; each is used once, and the last one must have been."""
    remaining = []

    def response(_request):
        assert remaining, "one request too many"
        step = remaining.pop(0)
        if isinstance(step, Exception):
            raise step
        return step[0], dict(step[2:]), step[1]

    def fill(*steps, hosts=(COPILOT,)):
        hub.gives_tokens()
        for host in hosts:
            hub.mock.add_callback("POST", host + PATH, response)
        remaining.extend(steps)
        return remaining

    return fill


def send(world, **more):
    return world.copilot.send("POST", PATH, BODY, request_id="one", signals=SIGNALS, **more)


def steps_of(hub):
    """T: a token was fetched; C: Copilot was asked."""
    return "".join("T" if url == EXCHANGE else "C" for _, url in hub.asked)


def chats(hub):
    return [call.request for call in hub.mock.calls if call.request.url.endswith(PATH)]


FORBIDDEN = (403, "forbidden\n")
QUOTA = (402, '{"error": {"message": "You have no quota", "code": "quota_exceeded"}}')


@pytest.mark.parametrize(
    ("responses", "steps", "status"),
    [
        ([OK], "TC", 200),
        ([(201, "{}")], "TC", 201),
        ([EXPIRED, OK], "TCTC", 200),
        ([EXPIRED, EXPIRED], "TCTC", 401),
        ([(403, '{"error": {"message": "", "code": "token_expired"}}'), OK], "TCTC", 200),
        ([(421, "Misdirected Request\n"), OK], "TCTC", 200),
        ([(421, "Misdirected Request\n"), (421, "Misdirected Request\n")], "TCTC", 421),
        ([EXPIRED, (421, "Misdirected Request\n")], "TCTC", 421),
        ([(401, "Personal Access Token does not have Copilot Requests permission")], "TC", 401),
        ([(401, "input item ID does not belong to this connection")], "TC", 401),
        ([QUOTA], "TC", 402),
        *[([(status, ""), OK], "TCC", 200) for status in (408, 499, 500, 502, 504, 529)],
        *[([(status, ""), (status, "")], "TCC", status) for status in (408, 499, 500, 502, 504, 529)],
        ([(500, ""), (502, "")], "TCC", 502),
        *[
            ([(status, "")], "TC", status)
            for status in (301, 302, 304, 307, 400, 403, 404, 413, 422, 424, 429, 466)
        ],
        ([(503, "")], "TC", 503),
        ([(429, "", ("retry-after", "1"))], "TC", 429),
        ([RESET, OK], "TCC", 200),
        ([RESET, (500, "")], "TCC", 500),
        ([(500, ""), EXPIRED, OK], "TCCTC", 200),
        ([EXPIRED, (500, ""), OK], "TCTCC", 200),
        ([EXPIRED, RESET, OK], "TCTCC", 200),
    ],
)
def test_a_request_has_the_tokens_headers(world, hub, script, responses, steps, status):
    remaining = script(*responses)
    if status < 300:
        assert send(world).status_code == status
    else:
        with pytest.raises(Refusal) as caught:
            send(world)
        assert caught.value.status == status
        assert "tid=" not in str(caught.value)
    assert steps_of(hub) == steps
    assert not remaining


@pytest.mark.parametrize("responses", [[RESET, RESET], [(500, ""), RESET]])
def test_the_network_gets_one_more_chance(world, hub, script, responses):
    script(*responses)
    with pytest.raises(UpstreamUnreachable) as caught:
        send(world)
    assert "api.githubcopilot.com" in str(caught.value)
    assert steps_of(hub) == "TCC"


def test_a_timeout_is_not_tried_again(world, hub, script):
    """It may be that the response is being written, and paid for."""
    script(requests.ReadTimeout("no"))
    with pytest.raises(UpstreamTimeout):
        send(world)
    assert steps_of(hub) == "TC"


@pytest.mark.parametrize(
    ("first", "initiator"),
    [
        (EXPIRED, "user"),
        ((421, ""), "user"),
        (unsent(), "user"),
        (TUNNEL, "user"),
        *[((status, ""), "agent") for status in (408, 499, 500, 502, 504, 529)],
        (RESET, "agent"),
        (requests.ConnectionError(ProtocolError("Connection aborted.", RemoteDisconnected("no"))), "agent"),
    ],
    ids=[
        "401",
        "421",
        "no connection",
        "no tunnel",
        "408",
        "499",
        "500",
        "502",
        "504",
        "529",
        "reset",
        "end",
    ],
)
def test_a_replay_is_the_same_request(world, hub, script, first, initiator):
    """It is a person's as long as none can have been read: so no turn of theirs is counted twice."""
    script(first, OK)
    send(world)
    one, two = chats(hub)
    assert one.body == two.body == BODY
    assert one.headers["X-Initiator"] == "user"
    assert one.headers["X-Request-Id"] == "one"
    assert one.headers["Content-Length"] == str(len(BODY))
    bearers = {one.headers.pop("Authorization"), two.headers.pop("Authorization")}
    assert two.headers.pop("X-Initiator") == initiator
    assert one.headers.pop("X-Initiator") == "user"
    assert dict(one.headers) == dict(two.headers)
    renewed = first in (EXPIRED, (421, ""))
    assert bearers == ({"Bearer tid=1;exp=1", "Bearer tid=2;exp=1"} if renewed else {"Bearer tid=1;exp=1"})


def test_replays_are_an_agents(world, hub, script):
    """A turn that was declared once stays declared."""
    script((500, ""), EXPIRED, OK)
    send(world)
    assert [request.headers["X-Initiator"] for request in chats(hub)] == ["user", "agent", "agent"]


def test_a_replay_without_signals_has_no_initiator(world, hub, script):
    script(RESET, OK)
    world.copilot.send("POST", PATH, BODY)
    assert not any("X-Initiator" in request.headers for request in chats(hub))


def test_a_421_moves_to_the_host_of_a_new_token(world, hub, script):
    script((421, "Misdirected Request\n"), OK, hosts=(COPILOT, BUSINESS))
    world.tokens.get(world.account)
    hub.gives_tokens(endpoints={"api": BUSINESS})
    send(world)
    assert [request.url for request in chats(hub)] == [COPILOT + PATH, BUSINESS + PATH]
    assert world.copilot.token().api == BUSINESS


def test_a_used_up_quota_is_sealed_in_the_token(world, hub, script):
    script(QUOTA, OK)
    with pytest.raises(Refusal) as caught:
        send(world)
    assert caught.value.kind == "quota"
    assert steps_of(hub) == "TC"
    send(world)
    assert steps_of(hub) == "TCTC"


def test_renewals_are_limited(world, hub, script):
    script(*[EXPIRED] * 11)
    for _ in range(5):
        with pytest.raises(Refusal):
            send(world)
    before = len(hub.asked)
    with pytest.raises(Refusal) as caught:
        send(world)
    assert caught.value.status == 401
    assert len(hub.asked) == before + 1


@pytest.mark.parametrize(("status", "asks"), [(401, 1), (403, 1), (421, 2)])
def test_a_github_token_that_is_used_as_it_is_can_only_move(new_world, hub, status, asks):
    world = new_world("gho_EXAMPLE")
    hub.responses(body={"endpoints": {"api": COPILOT}}, url=USER)
    hub.mock.add("POST", COPILOT + PATH, status=status, body="token_expired")
    with pytest.raises(Refusal):
        send(world)
    assert hub.asked.count(("GET", USER)) == asks
    assert len(chats(hub)) == asks
    assert all(request.headers["Authorization"] == "Bearer gho_EXAMPLE" for request in chats(hub))
    assert hub.exchanges == 0


class Adapt:
    def __init__(self, *bodies):
        self.bodies = list(bodies)
        self.asked = []

    def __call__(self, refusal):
        self.asked.append(refusal.status)
        return self.bodies.pop(0) if self.bodies else None


def test_a_refused_limit_is_sent_by_its_other_name(world, hub, script):
    adapt = Adapt(b'{"max_completion_tokens": 1}')
    script(LIMIT, OK)
    send(world, adapt=adapt)
    one, two = chats(hub)
    assert (one.body, two.body) == (BODY, b'{"max_completion_tokens": 1}')
    assert two.headers["Content-Length"] == str(len(two.body))
    assert adapt.asked == [400]
    assert steps_of(hub) == "TCC"


def test_a_request_is_sent_a_few_times_at_most(world, hub, script):
    script(*[LIMIT] * (MAX_ADAPTATIONS + 1))
    with pytest.raises(Refusal):
        send(world, adapt=Adapt(*[b"{}"] * 20))
    assert steps_of(hub) == "T" + "C" * (MAX_ADAPTATIONS + 1)


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refused_request_is_adapted_whatever_the_status(world, hub, script, status):
    script((status, "input item ID does not belong to this connection"), OK)
    send(world, adapt=Adapt(b"adapted"))
    assert [request.body for request in chats(hub)] == [BODY, b"adapted"]
    assert [request.headers["X-Initiator"] for request in chats(hub)] == ["user", "user"]
    assert steps_of(hub) == "TCC"


@pytest.mark.parametrize("adapt", [None, Adapt()])
def test_a_refusal_that_nothing_can_adapt_is_raised(world, hub, script, adapt):
    script(LIMIT)
    with pytest.raises(Refusal) as caught:
        send(world, adapt=adapt)
    assert caught.value.kind == "invalid_request"
    assert steps_of(hub) == "TC"


def test_an_adapted_body_is_sent_again_after_a_network_error(world, hub, script):
    script(LIMIT, EXPIRED, (500, ""), OK)
    responses = [b"adapted"]
    send(world, adapt=lambda refusal: responses.pop() if refusal.status == 400 else None)
    assert [request.body for request in chats(hub)] == [BODY, b"adapted", b"adapted", b"adapted"]


def test_a_request_without_a_body_has_no_length(world, hub):
    hub.gives_tokens()
    hub.responses(body={"data": []}, url=COPILOT + "/models")
    world.copilot.send("GET", "/models")
    request = hub.mock.calls[-1].request
    assert request.body is None
    assert "Content-Length" not in request.headers
    assert request.headers["OpenAI-Intent"] == "model-access"


def test_the_refusal_has_what_upstream_said(world, script):
    body = json.dumps({"error": {"message": "weekly limit", "code": "user_weekly_rate_limited"}})
    script((429, body, ("retry-after", "2733"), ("set-cookie", "a=b"), ("x-github-request-id", "C0DE")))
    with pytest.raises(Refusal) as caught:
        send(world)
    error = caught.value
    assert (str(error), error.kind, error.code) == (
        "weekly limit",
        "rate_limited",
        "user_weekly_rate_limited",
    )
    assert error.headers == {"retry-after": "2733", "x-github-request-id": "C0DE"}
