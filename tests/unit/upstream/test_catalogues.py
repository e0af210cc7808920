"""The catalogue is read liberally, fetched seldom, and always at hand."""

import io
import json
import threading

import pytest
from urllib3 import HTTPResponse

from copilot_bridge.errors import ModelNotFound, StoreError, UpstreamRefused, UpstreamUnreachable
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.store import open_store
from copilot_bridge.upstream.catalogues import CATALOGUE_TTL, MAX_AGE, UNKNOWN_NAME_TTL, ModelCatalogues
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.waits import Waits

ROWS = [
    {
        "id": "gpt-4o",
        "version": "gpt-4o-2024-11-20",
        "vendor": "Azure OpenAI",
        "capabilities": {"type": "chat"},
    },
    {"id": "gpt-4.1", "version": "gpt-4.1-2025-04-14", "policy": {"state": "enabled"}},
    {"id": "o4-mini", "policy": {"state": "unconfigured"}},
    {"id": "claude-sonnet-4.5", "request_headers": {"X-Beta": "1"}},
    {"id": "o3", "capabilities": {"supports": {"reasoning_effort": ["low", "high"]}}},
]


class Token:
    def __init__(self, api):
        self.api = api


class ScriptedResponse:
    def __init__(self, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.raw = HTTPResponse(io.BytesIO(data), preload_content=False)


class Copilot:
    """Responses as scripted; `sent`: the paths that were asked for."""

    def __init__(self):
        self.rows = ROWS
        self.api = "https://api.githubcopilot.com"
        self.sent = []
        self.failure = None
        self.account = type("Account", (), {"fingerprint": "abc"})()
        self.waits = Waits()

    def for_background(self):
        return self

    def token(self):
        return Token(self.api)

    def send(self, method, path, body=None, headers=None, *, timeout):
        self.sent.append(f"{method} {path}")
        if self.failure:
            raise self.failure
        if path == "/auto":
            return ScriptedResponse({"selected_model": {"id": "gpt-4.1"}, "session_token": "st_EXAMPLE0000"})
        return ScriptedResponse(
            self.rows if isinstance(self.rows, bytes) else {"data": self.rows, "object": "list"}
        )


@pytest.fixture
def copilot():
    return Copilot()


@pytest.fixture
def process(clock, tmp_path):
    """Makes one with a memory of its own; its renewals are over before the call that begins them returns."""
    stores = []

    def make():
        stores.append(open_store(tmp_path))
        flights = SingleFlight(start=lambda run: run())
        return ModelCatalogues(clock, store=stores[-1].key_values, flights=flights, sleep=lambda _: None)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def models(process):
    return process()


def fetches(copilot):
    return copilot.sent.count("GET /models")


def read(**row):
    return Model.read({"id": "m", **row})


def test_a_full_row_is_read():
    model = read(
        name="Claude Sonnet 4.5",
        vendor="Anthropic",
        version="claude-sonnet-4.5",
        supported_endpoints=["/chat/completions", "/v1/messages", "ws:/responses", "/new"],
        policy={"state": "enabled", "terms": "t"},
        billing={"is_premium": True, "multiplier": 0.33},
        request_headers={"X-A": "b"},
        capabilities={
            "type": "chat",
            "limits": {
                "max_context_window_tokens": 200000,
                "max_output_tokens": 64000,
                "max_non_streaming_output_tokens": 16000,
                "max_prompt_tokens": 128000,
                "max_inputs": 512,
                "vision": {"max_prompt_images": 5},
            },
            "supports": {"vision": True},
        },
    )
    assert (model.name, model.vendor, model.dialects) == (
        "Claude Sonnet 4.5",
        "Anthropic",
        ("chat", "messages"),
    )
    assert (model.context, model.max_output_tokens, model.max_unstreamed_tokens) == (200000, 64000, 16000)
    assert (model.max_prompt_tokens, model.max_inputs, model.multiplier) == (128000, 512, 0.33)
    assert (model.supports, model.vision) == ({"vision": True}, {"max_prompt_images": 5})
    assert model.headers == {"X-A": "b"}
    assert model.enabled


def test_a_bare_row_has_defaults():
    model = read()
    assert (model.id, model.name, model.vendor, model.version) == ("m", "m", "github-copilot", "")
    assert (model.type, model.dialects, model.enabled) == ("chat", ("chat",), True)
    assert (model.context, model.max_output_tokens, model.max_inputs, model.multiplier) == (None,) * 4
    assert (model.headers, model.supports, model.created) == ({}, {}, 0)


@pytest.mark.parametrize("junk", [None, "x", 5, [], [1], True, {"x": {}}])
@pytest.mark.parametrize(
    "field",
    [
        "name",
        "vendor",
        "version",
        "supported_endpoints",
        "policy",
        "billing",
        "request_headers",
        "capabilities",
    ],
)
def test_a_field_of_the_wrong_type_counts_as_missing(field, junk):
    model = read(**{field: junk})
    assert model.id == "m"
    assert isinstance(model.created, int)
    assert isinstance(model.name, str)


@pytest.mark.parametrize("junk", [None, "x", [], {}, True, -1, 0, 1.5, "128000"])
def test_a_limit_of_the_wrong_type_is_none(junk):
    assert read(capabilities={"limits": {"max_output_tokens": junk}}).max_output_tokens is None
    assert read(capabilities={"limits": junk}).max_output_tokens is None


@pytest.mark.parametrize("junk", ["1x", [], {}, True])
def test_a_multiplier_of_the_wrong_type_is_none(junk):
    assert read(billing={"multiplier": junk}).multiplier is None


@pytest.mark.parametrize(
    ("endpoints", "kind", "dialects"),
    [
        (None, "chat", ("chat",)),
        (None, "embeddings", ("embeddings",)),
        (None, "completion", ("completions",)),
        ([], "chat", ()),
        (["/chat/completions"], "chat", ("chat",)),
        (["/responses", "ws:/responses"], "chat", ("responses",)),
        (["/v1/messages", "/chat/completions"], "chat", ("messages", "chat")),
        (["/chat/completions", "/chat/completions", None, 5], "chat", ("chat",)),
        (["/embeddings"], "embeddings", ("embeddings",)),
        (["/new"], "chat", ()),
        ("/chat/completions", "chat", ("chat",)),
    ],
)
def test_endpoints_are_read_as_dialects(endpoints, kind, dialects):
    assert read(supported_endpoints=endpoints, capabilities={"type": kind}).dialects == dialects


@pytest.mark.parametrize(
    ("state", "enabled"), [("enabled", True), ("disabled", False), ("unconfigured", False), ("new", False)]
)
def test_a_policy_decides_whether_a_model_is_enabled(state, enabled):
    assert read(policy={"state": state}).enabled is enabled
    assert read(policy={"terms": "t"}).enabled


@pytest.mark.parametrize(
    ("version", "created"),
    [
        ("gpt-4o-2024-11-20", 1732060800),
        ("2024-11-20", 1732060800),
        ("gpt-4-0613", 0),
        ("x-2024-13-45", 0),
        ("", 0),
    ],
)
def test_the_date_of_a_version_is_when_it_was_created(version, created):
    assert read(version=version).created == created


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([{"id": "a", "name": "first"}, {"id": "a", "name": "second"}, {"id": "b"}], ["a", "b"]),
        ([None, "x", 5, {}, {"id": ""}, {"id": None}, {"name": "x"}, {"id": "a"}], ["a"]),
        ([], []),
        (None, []),
        ({"a": 1}, []),
    ],
)
def test_malformed_and_repeated_rows_are_skipped(models, copilot, rows, ids):
    copilot.rows = rows
    found = models.catalogue(copilot).models
    assert list(found) == ids
    if len(ids) == 2:
        assert found["a"].name == "first"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"x"', b'{"data": '])
def test_a_list_that_is_not_json_is_refused(models, copilot, body):
    copilot.rows = body
    with pytest.raises(UpstreamRefused) as caught:
        models.catalogue(copilot)
    assert "list of models" in str(caught.value)


def test_a_catalogue_is_kept_for_ten_minutes(models, copilot, clock):
    first = models.catalogue(copilot)
    clock.forward(CATALOGUE_TTL - 1)
    assert models.catalogue(copilot) is first
    clock.forward(1)
    assert models.renewed(copilot) is not first
    assert fetches(copilot) == 2


def test_an_old_catalogue_is_used_while_it_is_renewed(models, copilot, clock):
    first = models.catalogue(copilot)
    clock.forward(MAX_AGE)
    copilot.rows = [{"id": "new"}]
    assert models.catalogue(copilot) is first
    assert list(models.catalogue(copilot).models) == ["new"]
    assert fetches(copilot) == 2


def test_a_catalogue_of_last_week_is_not_used(models, copilot, clock):
    models.catalogue(copilot)
    clock.forward(MAX_AGE + 1)
    copilot.rows = [{"id": "new"}]
    assert list(models.catalogue(copilot).models) == ["new"]


def test_a_renewal_delays_no_request(process, copilot, clock):
    """It goes on in the background, once for all requests that come meanwhile."""
    process().catalogue(copilot)
    clock.forward(CATALOGUE_TTL)
    started = []
    models = process()
    models._flights = SingleFlight(start=started.append)
    for _ in range(3):
        assert models.resolve(copilot, "gpt-4o").model.id == "gpt-4o"
    assert fetches(copilot) == 1
    (run,) = started
    run()
    assert fetches(copilot) == 2


def test_a_catalogue_outlives_a_restart(process, copilot, clock):
    first = process().catalogue(copilot)
    clock.forward(CATALOGUE_TTL - 1)
    found = process().catalogue(copilot)
    assert (found.models, found.at, found.api) == (first.models, first.at, first.api)
    assert fetches(copilot) == 1


def test_one_process_renews_a_catalogue_for_all(process, copilot, clock):
    processes = [process() for _ in range(3)]
    for instance in processes:
        instance.catalogue(copilot)
    clock.forward(CATALOGUE_TTL)
    for instance in (*processes, *processes):
        instance.catalogue(copilot)
    assert fetches(copilot) == 2


@pytest.mark.parametrize(
    "change", [{"rows": None}, {"rows": "x"}, {"at": "soon"}, {"at": None}, {"api": "https://elsewhere"}]
)
def test_a_stored_catalogue_that_is_not_understood_is_fetched_anew(process, copilot, tmp_path, change):
    process().catalogue(copilot)
    key_values = open_store(tmp_path).key_values
    key_values.write("catalogues/abc", key_values.read("catalogues/abc") | change)
    if change.get("rows", "") not in (None, "x"):
        assert process().resolve(copilot, "gpt-4o").model.id == "gpt-4o"
        assert fetches(copilot) == 2


def test_a_full_disk_does_not_lose_the_catalogue(models, copilot, monkeypatch, caplog):
    def full(*_args):
        raise StoreError("No space left on device")

    monkeypatch.setattr(models._store, "write", full)
    models.catalogue(copilot)
    assert models.resolve(copilot, "gpt-4o").model.id == "gpt-4o"
    assert fetches(copilot) == 1
    assert "No space left" in caplog.text


def test_a_catalogue_is_fetched_anew_from_another_host(models, copilot):
    models.catalogue(copilot)
    copilot.api = "https://api.business.githubcopilot.com"
    assert models.catalogue(copilot).api == copilot.api
    models.catalogue(copilot)
    assert fetches(copilot) == 2


def test_a_catalogue_is_fetched_anew_when_the_clock_was_set_back(models, copilot, clock):
    models.catalogue(copilot)
    clock.forward(-86400)
    for _ in range(3):
        models.catalogue(copilot)
    assert fetches(copilot) == 2


def test_each_account_has_its_own_catalogue(models, copilot):
    other = Copilot()
    other.account = type("Account", (), {"fingerprint": "def"})()
    other.rows = [{"id": "other"}]
    assert models.catalogue(copilot).models.keys() != models.catalogue(other).models.keys()


def test_an_unknown_name_fetches_the_catalogue_again(models, copilot, clock):
    models.catalogue(copilot)
    for _ in range(5):
        with pytest.raises(ModelNotFound):
            models.resolve(copilot, "gpt-9")
    assert fetches(copilot) == 1
    clock.forward(UNKNOWN_NAME_TTL)
    copilot.rows = [*ROWS, {"id": "gpt-9"}]
    assert models.resolve(copilot, "gpt-9").model.id == "gpt-9"
    assert fetches(copilot) == 2


def test_unknown_names_cost_one_fetch_a_minute(models, copilot, clock):
    for _ in range(60):
        clock.forward(10)
        with pytest.raises(ModelNotFound):
            models.resolve(copilot, "nonsense")
    assert fetches(copilot) <= 600 / UNKNOWN_NAME_TTL + 1


def test_the_old_catalogue_serves_while_none_can_be_fetched(models, copilot, clock, caplog):
    models.catalogue(copilot)
    copilot.failure = UpstreamRefused("slow down", kind="rate_limited")
    clock.forward(CATALOGUE_TTL)
    for _ in range(3):
        assert models.resolve(copilot, "gpt-4o").model.id == "gpt-4o"
    assert fetches(copilot) == 2
    assert len(caplog.records) == 1


def test_without_any_catalogue_the_failure_is_raised(models, copilot):
    copilot.failure = UpstreamUnreachable("can't reach api.githubcopilot.com: no route")
    with pytest.raises(UpstreamUnreachable):
        models.resolve(copilot, "gpt-4o")
    copilot.failure = None
    assert models.resolve(copilot, "gpt-4o").model.id == "gpt-4o"


def test_concurrent_callers_share_one_fetch(clock, copilot):
    models = ModelCatalogues(clock)
    arrived, go, got = threading.Event(), threading.Event(), []
    send = copilot.send

    def slow(*args, **options):
        arrived.set()
        assert go.wait(10)
        return send(*args, **options)

    copilot.send = slow
    threads = [threading.Thread(target=lambda: got.append(models.catalogue(copilot))) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert arrived.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(got) == 20
    assert fetches(copilot) == 1


def test_a_name_is_resolved_with_headers_and_effort(models, copilot):
    choice = models.resolve(copilot, "anthropic/claude-sonnet-4-5")
    assert (choice.model.id, choice.headers) == ("claude-sonnet-4.5", {"X-Beta": "1"})


def test_an_effort_in_the_name_has_to_be_the_models(models, copilot):
    choice = models.resolve(copilot, "o3-high")
    assert (choice.model.id, choice.effort) == ("o3", "high")
    assert models.resolve(copilot, "o3").effort is None
    for name in ("o3-xhigh", "gpt-4o-high"):
        with pytest.raises(ModelNotFound):
            models.resolve(copilot, name)


def test_a_mapping_replaces_ours_and_goes_before_what_is_listed(clock, copilot):
    models = ModelCatalogues(
        clock, {"gpt-4o": "gpt-4.1", "newest": "claude-sonnet-*", "any": "auto", "lost": "gone"}
    )
    assert models.resolve(copilot, "gpt-4o-2024-11-20").model.id == "gpt-4.1"
    assert models.resolve(copilot, "newest").model.id == "claude-sonnet-4.5"
    assert models.resolve(copilot, "any").headers["Copilot-Session-Token"]
    for name in ("sonnet", "lost"):
        with pytest.raises(ModelNotFound):
            models.resolve(copilot, name)
    assert ModelCatalogues(clock, {}).resolve(copilot, "gpt-4o").model.id == "gpt-4o"


def test_an_unknown_model_names_near_ones(models, copilot):
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "gpt-4o-turbo")
    error = caught.value
    assert str(error).startswith("the model 'gpt-4o-turbo' does not exist; did you mean gpt-4")
    assert (error.kind, error.param, error.code) == ("model_not_found", "model", "model_not_found")
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "zzz")
    assert "/v1/models" in str(caught.value)


def test_models_that_are_not_enabled_are_not_near(models, copilot):
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "o4-min")
    assert "did you mean o4-mini" not in str(caught.value)


def test_a_long_name_is_shortened_in_the_message(models, copilot):
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "x" * 1_000_000)
    assert len(str(caught.value)) < 1000


def test_a_model_that_is_not_enabled_is_refused(models, copilot):
    with pytest.raises(ModelNotFound) as caught:
        models.resolve(copilot, "o4-mini")
    assert "not enabled" in str(caught.value)
    assert "https://github.com/settings/copilot" in str(caught.value)


OLD = {"code": "client_version_deprecated", "message": "Please update your client."}


@pytest.mark.parametrize(
    ("notices", "message"),
    [
        ([OLD], "Please update your client."),
        ([{"code": "other", "message": "x"}, OLD], "Please update your client."),
        ([{"code": "other", "message": "x"}], ""),
        (None, ""),
        ("x", ""),
        ([1, None], ""),
    ],
)
def test_an_outdated_client_is_noticed(notices, message):
    rows = [{"id": "a"}, {"id": "b", "warning_messages": notices}]
    assert Catalogue({row["id"]: Model.read(row) for row in rows}, 0.0, "https://api").outdated == message


def test_the_log_warns_of_an_outdated_client_once(models, copilot, clock, caplog):
    copilot.rows = [{"id": "a", "warning_messages": [OLD]}, {"id": "b", "warning_messages": [OLD]}]
    for _ in range(3):
        models.catalogue(copilot)
        clock.forward(CATALOGUE_TTL + 1)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "COPILOT_BRIDGE_EDITOR_VERSION" in line
    assert "Please update your client." in line
