"""The model "auto": requests to Copilot for a pick, and their responses."""

import io
import json

import pytest
from urllib3 import HTTPResponse

from copilot_bridge.errors import ModelNotFound, StoreError, UpstreamRefused, UpstreamTimeout
from copilot_bridge.upstream.auto import AutoPicks, AutoUnavailable, PickContext, tier_of
from copilot_bridge.upstream.catalogues import ModelCatalogues
from copilot_bridge.upstream.error_mapping import read_refusal
from copilot_bridge.upstream.waits import Waits

ROWS = [
    {"id": "gpt-5-mini", "capabilities": {"type": "chat"}},
    {
        "id": "claude-sonnet-5",
        "capabilities": {"supports": {"vision": True}},
        "billing": {"auto_discount": 0.2},
    },
    {"id": "off", "policy": {"state": "disabled"}},
]
HINTS = {"auto_mode": {"model_hints": ["auto"]}}


def refused(status, text=""):
    return read_refusal(status, {}, text.encode())


class Copilot:
    """Responses by path; an exception is raised, a list is used up."""

    def __init__(self, now, fingerprint="abc"):
        self.now = now
        self.sent = []
        self.account = type("Account", (), {"fingerprint": fingerprint})()
        self.waits = Waits()
        self.responses = {
            "/models": {"data": ROWS},
            "/auto": self.second("claude-sonnet-5", discounted_costs={"claude-sonnet-5": 0.1}),
            "/models/session": self.first(),
            "/models/session/intent": {"chosen_model": "gpt-5-mini"},
        }

    def for_background(self):
        return self

    def second(self, model, **more):
        row = {"id": model} if isinstance(model, str) else model
        return {"session_token": "st_2", "expires_at": self.now() + 86400, "selected_model": row} | more

    def first(self, **more):
        return {
            "session_token": "st_1",
            "expires_at": self.now() + 3600,
            "available_models": ["claude-sonnet-5", "gpt-5-mini"],
        } | more

    def token(self):
        return type("Token", (), {"api": "https://api"})()

    def send(self, method, path, body=None, headers=None, *, timeout):
        self.sent.append((path, json.loads(body) if body else None, headers))
        response = self.responses[path]
        response = response.pop(0) if isinstance(response, list) else response
        if isinstance(response, Exception):
            raise response
        data = response if isinstance(response, bytes) else json.dumps(response).encode()
        return type("Reply", (), {"raw": HTTPResponse(io.BytesIO(data), preload_content=False)})()

    def asked(self):
        return [path for path, _, _ in self.sent if path != "/models"]


class KeyValueStore:
    def __init__(self):
        self.kept = {}
        self.pruned = []
        self.broken = False

    def read(self, name):
        return self.kept.get(name)

    def write(self, name, content):
        if self.broken:
            raise StoreError("full")
        self.kept[name] = dict(content)

    def prune(self, prefix, older):
        self.pruned.append((prefix, older))


@pytest.fixture
def copilot(clock):
    return Copilot(clock)


@pytest.fixture
def key_values():
    return KeyValueStore()


@pytest.fixture
def naps():
    return []


@pytest.fixture
def process(clock, key_values, naps):
    """Makes one that has a memory of its own."""
    return lambda tier=None: ModelCatalogues(clock, auto=AutoPicks(key_values, tier, clock, naps.append))


@pytest.fixture
def models(process):
    return process()


def asking(conversation="c", prompt="sort a list", has_image=False):
    return lambda: PickContext(conversation, prompt, has_image)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("auto", ""),
        (" AUTO ", ""),
        ("copilot/auto", ""),
        ("auto:efficiency", "efficiency"),
        ("Auto:Balance", "balance"),
        ("auto:fast", "fast"),
        ("automatic", None),
        ("gpt-4o", None),
        ("", None),
    ],
)
def test_names_of_auto_have_a_tier_or_none(name, tier):
    assert tier_of(name) == tier


def test_the_second_version_gets_prompt_image_and_tier(models, copilot):
    choice = models.resolve(copilot, "auto", asking())
    assert choice.model.id == "claude-sonnet-5"
    assert choice.headers == {"Copilot-Session-Token": "st_2"}
    assert (choice.auto, choice.discount) == ("", 0.1)
    anchor = {"routing_intent": "anchor", "turns_since_anchor": 0}
    assert copilot.sent[-1][:2] == (
        "/auto",
        {"prompt": "sort a list", "has_image": False, "multi_turn": anchor},
    )


@pytest.mark.parametrize("tier", ["efficiency", "balance", "intelligence"])
def test_the_tier_of_a_name_is_sent(models, copilot, tier):
    choice = models.resolve(copilot, f"auto:{tier}", asking())
    assert copilot.sent[-1][1]["tier"] == tier
    assert choice.auto == tier


def test_the_operators_tier_holds_where_a_name_has_none(process, copilot):
    models = process("intelligence")
    models.resolve(copilot, "auto", asking())
    models.resolve(copilot, "auto:efficiency", asking())
    assert [body["tier"] for path, body, _ in copilot.sent if path == "/auto"] == [
        "intelligence",
        "efficiency",
    ]


def test_an_unknown_tier_is_refused(models, copilot):
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "auto:fast", asking())
    assert "auto:efficiency, auto:balance, auto:intelligence" in str(caught.value)
    assert copilot.asked() == []


@pytest.mark.parametrize(
    ("prompt", "sent"), [("", "hi"), ("  \n", "hi"), ("x" * 20_000, "x" * 16_000), ("\ud800", "?")]
)
def test_a_prompt_is_cut_and_never_empty(models, copilot, prompt, sent):
    models.resolve(copilot, "auto", asking(prompt=prompt))
    assert copilot.sent[-1][1]["prompt"] == sent


def test_a_conversation_keeps_its_pick(models, copilot, clock):
    for _ in range(3):
        models.resolve(copilot, "auto", asking())
    assert copilot.asked() == ["/auto"]
    models.resolve(copilot, "auto", asking("another"))
    models.resolve(copilot, "auto:balance", asking())
    assert copilot.asked() == ["/auto"] * 3
    clock.forward(86400 - 299)
    models.resolve(copilot, "auto", asking())
    assert copilot.asked() == ["/auto"] * 4, "a session that ends soon is none any more"


def test_another_worker_goes_on_with_it(process, copilot, key_values):
    one, two = process(), process()
    assert one.resolve(copilot, "auto", asking()) == two.resolve(copilot, "auto", asking())
    assert copilot.asked() == ["/auto"]
    assert key_values.pruned == [("auto/", 86400)]


def test_accounts_share_nothing(models, copilot, clock):
    other = Copilot(clock, "other")
    models.resolve(copilot, "auto", asking())
    models.resolve(other, "auto", asking())
    assert (copilot.asked(), other.asked()) == (["/auto"], ["/auto"])


def test_a_full_store_costs_no_response(models, copilot, key_values):
    key_values.broken = True
    for _ in range(2):
        assert models.resolve(copilot, "auto", asking()).model.id == "claude-sonnet-5"
    assert copilot.asked() == ["/auto"]


@pytest.mark.parametrize("content", [{"model": "gpt-5-mini"}, {"a": 1}, {}])
def test_values_of_another_version_are_ignored(process, copilot, key_values, content):
    process().resolve(copilot, "auto", asking())
    (name,) = key_values.kept
    key_values.kept[name] = content
    assert process().resolve(copilot, "auto", asking()).model.id == "claude-sonnet-5"
    assert copilot.asked() == ["/auto"] * 2


def test_a_refused_one_is_picked_anew(process, copilot):
    models = process()
    choice = models.resolve(copilot, "auto", asking())
    copilot.responses["/auto"] = copilot.second("gpt-5-mini")
    models.forget_pick(copilot, choice, asking()())
    assert models.resolve(copilot, "auto", asking()).model.id == "gpt-5-mini"
    assert process().resolve(copilot, "auto", asking()).model.id == "gpt-5-mini"


def test_a_named_model_is_not_forgotten(models, copilot):
    choice = models.resolve(copilot, "gpt-5-mini")
    models.forget_pick(copilot, choice, PickContext())
    assert copilot.asked() == []


def test_an_image_gets_a_model_that_sees_it(models, copilot):
    copilot.responses["/auto"] = [copilot.second("gpt-5-mini"), copilot.second("claude-sonnet-5")]
    models.resolve(copilot, "auto", asking())
    assert models.resolve(copilot, "auto", asking(has_image=True)).model.id == "claude-sonnet-5"
    assert copilot.sent[-1][1]["has_image"] is True
    assert models.resolve(copilot, "auto", asking(has_image=True)).model.id == "claude-sonnet-5"
    assert copilot.asked() == ["/auto"] * 2


def test_an_unlisted_model_that_auto_picks_is_used(models, copilot):
    row = {"id": "gpt-9", "supported_endpoints": ["/responses"], "capabilities": {"family": "gpt-9"}}
    copilot.responses["/auto"] = copilot.second(row)
    assert models.resolve(copilot, "auto", asking()).model.dialects == ("responses",)


def test_an_unknown_pick_is_refused(models, copilot):
    copilot.responses["/auto"] = copilot.second("gpt-9")
    with pytest.raises(ModelNotFound):
        models.resolve(copilot, "auto", asking())


def test_a_pick_has_the_discount_of_the_list(models, copilot):
    copilot.responses["/auto"] = copilot.second("claude-sonnet-5")
    assert models.resolve(copilot, "auto", asking()).discount == 0.2


# The first version.


def test_the_first_version_is_used_where_the_second_is_missing(models, copilot):
    copilot.responses["/auto"] = refused(404)
    for conversation in "ab":
        choice = models.resolve(copilot, "auto:balance", asking(conversation))
        assert (choice.model.id, choice.headers) == ("gpt-5-mini", {"Copilot-Session-Token": "st_1"})
    first, intent = ["/models/session", "/models/session/intent"], copilot.sent[-1]
    assert copilot.asked() == ["/auto", *first, *first], "it is asked for once"
    assert copilot.sent[-2][1] == HINTS
    assert intent[1:] == (
        {
            "prompt": "sort a list",
            "available_models": ["claude-sonnet-5", "gpt-5-mini"],
            "has_image": False,
            "routing_intent": "anchor",
            "turns_since_anchor": 0,
        },
        {"Copilot-Session-Token": "st_1"},
    )


@pytest.mark.parametrize(
    ("intent", "model"),
    [
        (refused(404), "claude-sonnet-5"),
        (UpstreamTimeout("late"), "claude-sonnet-5"),
        (b"<html>", "claude-sonnet-5"),
        ({}, "claude-sonnet-5"),
        ({"candidate_models": ["gpt-5-mini"]}, "gpt-5-mini"),
        ({"candidate_models": None}, "claude-sonnet-5"),
    ],
)
def test_the_first_version_asks_for_the_intent(models, copilot, intent, model):
    copilot.responses |= {"/auto": refused(404), "/models/session/intent": intent}
    assert models.resolve(copilot, "auto", asking()).model.id == model


def test_the_model_of_the_session_is_used(models, copilot):
    copilot.responses |= {
        "/auto": refused(404),
        "/models/session": copilot.first(selected_model="gpt-5-mini"),
        "/models/session/intent": refused(404),
    }
    assert models.resolve(copilot, "auto", asking()).model.id == "gpt-5-mini"


def test_without_either_version_models_are_suggested(models, copilot):
    copilot.responses |= {"/auto": refused(404), "/models/session": refused(404)}
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "auto", asking())
    assert str(caught.value) == (
        "this plan has no automatic choice of model: name a model, like gpt-5-mini, claude-sonnet-5"
    )


def test_a_503_is_asked_once_more(models, copilot, naps):
    copilot.responses["/auto"] = [refused(503), copilot.second("claude-sonnet-5")]
    assert models.resolve(copilot, "auto", asking()).headers["Copilot-Session-Token"] == "st_2"
    assert (copilot.asked(), naps) == (["/auto"] * 2, [0.3])


@pytest.mark.parametrize("trouble", [refused(503), refused(500), UpstreamTimeout("late"), b"<html>", b"[]"])
def test_the_first_version_responds_where_the_second_fails(models, copilot, trouble):
    """The first version serves this once; the second is asked again next time."""
    copilot.responses["/auto"] = trouble
    assert models.resolve(copilot, "auto", asking()).headers["Copilot-Session-Token"] == "st_1"
    models.resolve(copilot, "auto", asking("another"))
    assert copilot.asked().count("/auto") >= 2


def test_the_second_versions_error_is_raised_where_both_fail(models, copilot):
    copilot.responses |= {"/auto": refused(500, "first"), "/models/session": refused(404)}
    with pytest.raises(UpstreamRefused) as caught:
        models.resolve(copilot, "auto", asking())
    assert not isinstance(caught.value, AutoUnavailable)
    assert str(caught.value) == "first"


@pytest.mark.parametrize(
    "session",
    [
        b"<html>",
        b"null",
        b"[]",
        {},
        {"selected_model": "gpt-5-mini"},
        {"available_models": [], "session_token": "st_1"},
        {"available_models": None, "session_token": "st_1"},
        {"selected_model": "auto", "session_token": "st_1"},
    ],
)
def test_a_response_without_model_or_session_is_refused(models, copilot, session):
    copilot.responses |= {
        "/auto": refused(404),
        "/models/session": session,
        "/models/session/intent": refused(404),
    }
    with pytest.raises(UpstreamRefused) as caught:
        models.resolve(copilot, "auto", asking())
    assert "choose one" in str(caught.value)
