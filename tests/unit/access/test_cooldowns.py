"""A refusal with a time pauses exactly what was refused, for exactly that time."""

import pytest

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.access.cooldowns import scope_of
from copilot_bridge.access.rate_limiter import RateLimiter
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError, StoreError, UpstreamRefused
from copilot_bridge.store import open_store
from copilot_bridge.store.cooldowns import Cooldown, CooldownTable
from copilot_bridge.store.sqlite import Sqlite
from copilot_bridge.waits import MAX_WAIT

CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"


class World:
    """A process of the bridge; two with the same `home` share a store."""

    def __init__(self, home, **settings):
        self.now = 1000.0
        self.store = open_store(home)
        self.rate_limiter = RateLimiter(
            Config(**settings),
            self.store.rate_limits,
            self.store.cooldowns,
            self.store.changes,
            lambda: self.now,
        )
        self.store.database._clock = lambda: self.now

    def refuse(self, kind="rate_limited", code="c", model="opus", path=CHAT, message="slowly", **headers):
        error = UpstreamRefused(message, kind=kind, code=code, headers=headers)
        self.rate_limiter.admission(LOCAL_OPERATOR, "account").note_refusal(error, model, path)

    def enter(self, account="account", model="opus", path=CHAT, others=()):
        self.rate_limiter.admission(LOCAL_OPERATOR, account, None, lambda _: others).acquire(model, path)

    def refused(self, **asked):
        with pytest.raises(BridgeError) as caught:
            self.enter(**asked)
        assert caught.value.kind == "rate_limited"
        return caught.value


@pytest.fixture
def new_world(tmp_path):
    made = []

    def make(**settings):
        made.append(World(tmp_path, **settings))
        return made[-1]

    yield make
    for world in made:
        world.store.close()


@pytest.fixture
def world(new_world):
    return new_world()


def test_a_cooldown_rejects_requests_until_it_ends(world):
    world.enter()
    world.refuse(**{"retry-after": "10"})
    world.now += 9.5
    message = world.refused()
    assert message.code == "c"
    assert message.headers == {"retry-after": "1"}
    assert str(message).startswith("opus is paused until ")
    assert str(message).endswith(", for 1 s, as Copilot requested: slowly")
    world.enter("another account")
    world.enter(model="gpt")
    world.now += 0.6
    world.enter()


def test_a_cooldown_of_the_whole_account_is_reported(world):
    reports = []
    world.rate_limiter.cooldowns.account_paused = lambda: reports.append(1)
    world.refuse(code="user_model_rate_limited", **{"retry-after": "10"})
    assert reports == []
    world.refuse(code="user_global_rate_limited", **{"retry-after": "10"})
    assert reports == [1]


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("rate_limited", {}),
        ("rate_limited", {"retry-after": "0"}),
        ("quota", {"retry-after": "10"}),
        ("unavailable", {"retry-after": "10"}),
    ],
)
def test_other_errors_start_no_cooldown(world, kind, headers):
    world.refuse(kind, **headers)
    world.enter()


def test_the_setting_turns_cooldowns_off(new_world):
    world = new_world(honor_retry_after=False)
    world.refuse(**{"retry-after": "10"})
    world.enter()


@pytest.mark.parametrize(
    ("code", "message", "model", "path", "scope"),
    [
        ("user_model_rate_limited", "weekly limit of this model", "opus", CHAT, ("opus", "")),
        ("user_model_rate_limited:pro", "", "ada", EMBEDDINGS, ("ada", "")),
        ("model_overloaded", "", "opus", "/responses", ("opus", "")),
        ("upstream_provider_rate_limit", "", "opus", "/v1/messages", ("opus", "")),
        ("agent_mode_limit_exceeded", "", "opus", "/messages", ("opus", "")),
        ("rate_limited", "", "ada", EMBEDDINGS, ("", EMBEDDINGS)),
        (None, "slowly", "ada", EMBEDDINGS, ("", EMBEDDINGS)),
        (None, "slowly", "opus", "/v1/messages/count_tokens", ("", "/v1/messages/count_tokens")),
        (None, "slowly", "", "/models/session", ("", "/models/session")),
        (None, "", "opus", CHAT, ("opus", "")),
        ("user_global_rate_limited", "", "opus", CHAT, ("", "")),
        ("user_global_rate_limited:pro", "for this model", "ada", EMBEDDINGS, ("", "")),
        ("user_weekly_rate_limited", "", "opus", CHAT, ("", "")),
        ("session_rate_limited", "", "opus", CHAT, ("", "")),
        (None, "Sorry, you've exceeded your weekly rate limit.", "opus", CHAT, ("", "")),
    ],
)
def test_the_scope_follows_from_code_text_and_path(code, message, model, path, scope):
    assert scope_of(UpstreamRefused(message, code=code), model, path) == scope


def test_only_the_refused_model_or_path_is_paused(world):
    world.refuse(code="user_model_rate_limited", **{"retry-after": "7200"})
    world.refuse(code="rate_limited", model="ada", path=EMBEDDINGS, **{"retry-after": "60"})
    assert world.refused().headers == {"retry-after": "7200"}
    assert str(world.refused(model="ada2", path=EMBEDDINGS)).startswith("/embeddings is paused until ")
    world.enter(model="gpt")
    world.enter(model="opus", path="/v1/messages/count_tokens", account="other")
    world.refuse(code="user_global_rate_limited:pro", message="Limit. Please retry after 90 seconds.")
    message = world.refused(model="gpt")
    assert message.headers == {"retry-after": "90"}
    assert "the account is paused until " in str(message)


def test_the_message_suggests_models_that_are_not_paused(world):
    world.refuse(**{"retry-after": "600"})
    world.refuse(model="sonnet", **{"retry-after": "600"})
    message = str(world.refused(others=["sonnet", *(f"m{number}" for number in range(9))]))
    assert message.endswith("slowly (models that are not paused: m0, m1, m2, m3, m4)")
    world.refuse(code="weekly_", **{"retry-after": "600"})
    assert "models that" not in str(world.refused(others=["m1"]))


@pytest.mark.parametrize("asked", ["9" * 400, "1000000", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_cooldown_lasts_a_day_at_most(world, asked):
    world.refuse(**{"retry-after": asked})
    assert world.refused().headers == {"retry-after": "86400"}
    world.now += MAX_WAIT
    world.enter()


def test_a_clock_set_back_ends_a_cooldown(world, new_world):
    world.refuse(**{"retry-after": "5"})
    world.now -= 3600
    world.enter()
    other = new_world()
    other.now = world.now
    other.enter()


def test_workers_share_cooldowns_and_any_can_end_them(world, new_world):
    other = new_world()
    world.refuse(**{"retry-after": "600"})
    world.refuse(model="ada", path=EMBEDDINGS, **{"retry-after": "500"})
    assert [cooldown.what for cooldown in other.rate_limiter.cooldowns.all()] == [EMBEDDINGS, "opus"]
    assert other.refused().headers == {"retry-after": "600"}
    assert [cooldown.what for cooldown in other.rate_limiter.cooldowns.clear("opus")] == ["opus"]
    world.enter()
    world.refused(model="ada", path=EMBEDDINGS)
    assert [cooldown.what for cooldown in other.rate_limiter.cooldowns.clear()] == [EMBEDDINGS]
    world.enter(model="ada", path=EMBEDDINGS)
    assert other.rate_limiter.cooldowns.clear("opus") == []


def test_another_machines_clock_makes_no_cooldown_longer(world, new_world):
    """One machine is an hour behind; both follow the store's clock."""
    world.refuse(**{"retry-after": "60"})
    other = new_world()
    other.store.database._clock = lambda: world.now
    other.now = world.now - 3600
    assert other.refused().headers == {"retry-after": "60"}
    world.now += 61
    other.now += 61
    other.rate_limiter.cooldowns._cache._seen_change = -1
    other.enter()


def test_a_failing_store_forgets_no_cooldown(world, monkeypatch):
    world.refuse(**{"retry-after": "60"})

    def fail(*_):
        raise StoreError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.store.database, "run", fail)
        world.refuse(model="sonnet", **{"retry-after": "60"})
        world.refused()
        world.refused(model="sonnet")
    world.store.changes.bump()
    world.refused(model="sonnet")
    assert {cooldown.model for cooldown in world.store.cooldowns.all(world.now)} == {"opus", "sonnet"}


def test_the_table_keeps_cooldowns_until_they_end():
    now = 1000.0
    database = Sqlite(None, lambda: now)
    table = CooldownTable(database)
    table.put(Cooldown("a", 1010.0, "slowly", "code", since=1000.0))
    table.put(Cooldown("b", 1020.0, "slowly", model="m", since=1000.0))
    table.put(Cooldown("a", 1030.0, "more slowly", since=1000.0))
    assert {cooldown.key: cooldown.until for cooldown in table.all()} == {
        ("a", "", ""): 1030.0,
        ("b", "m", ""): 1020.0,
    }
    now = 1025.0
    assert [cooldown.account for cooldown in table.all()] == ["a"]
    table.put(Cooldown("c", 1040.0, "slowly", path="/p", since=1025.0))
    table.clear(*table.all())
    assert table.all() == []
    database.close()
