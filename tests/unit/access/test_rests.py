"""After a refusal that names a time the account is left alone for just that time."""

import pytest

from copilot_bridge.access.callers import NOBODY
from copilot_bridge.access.pace import Pace
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, UpstreamRefused
from copilot_bridge.store import open_store


class World:
    def __init__(self, home, **settings):
        self.now = 1000.0
        self.store = open_store(home)
        self.pace = Pace(Config(**settings), self.store.pace, self.store.signal, lambda: self.now)

    def refuse(self, kind="rate_limited", **headers):
        self.pace.passage(NOBODY, "account").refused(
            UpstreamRefused("slowly", kind=kind, code="c", headers=headers)
        )

    def enter(self, account="account"):
        self.pace.passage(NOBODY, account).enter()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.store.close()


def test_a_rest_and_its_end(world):
    world.enter()
    world.refuse(**{"retry-after": "10"})
    world.now += 9.5
    with pytest.raises(BridgeError, match="slowly") as caught:
        world.enter()
    assert (caught.value.kind, caught.value.code) == ("rate_limited", "c")
    assert caught.value.headers == {"retry-after": "1"}
    world.enter("another account")
    world.now += 0.6
    world.enter()


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("rate_limited", {}),
        ("rate_limited", {"retry-after": "0"}),
        ("rate_limited", {"retry-after": "soon"}),
        ("quota", {"retry-after": "10"}),
        ("unavailable", {"retry-after": "10"}),
    ],
)
def test_what_asks_for_no_rest(world, kind, headers):
    world.refuse(kind, **headers)
    world.enter()


def test_an_operator_who_wants_no_rests(tmp_path):
    world = World(tmp_path, rest=False)
    world.refuse(**{"retry-after": "10"})
    world.enter()
    world.store.close()
