"""`copilot-bridge doctor`: each link of the chain, broken and whole."""

import json
import socket
import ssl
import time
from email.utils import formatdate

import pytest
from integration.harness import new_token
from msgspec.structs import replace

from copilot_bridge.cli.doctor import check, machine, network, port
from copilot_bridge.cli.doctor.check import Check, CheckContext, Finding, run_check
from copilot_bridge.cli.doctor.checks import CHECKS, LIVE_CHECKS
from copilot_bridge.cli.doctor.live import cheapest
from copilot_bridge.config import load_config
from copilot_bridge.config.settings import variable
from copilot_bridge.errors import BridgeError, LoginRequired, UpstreamRefused
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import Bridge
from copilot_bridge.store import open_store

EVERY = [step.name for step in (*CHECKS, *LIVE_CHECKS)]


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def doctor(run, simulator, free_port):
    """(exit code, {step: its row}).  No host is looked up elsewhere."""
    usual = {"COPILOT_BRIDGE_COPILOT_API_URL": simulator.url, "PORT": str(free_port)}

    def call(*given, token=None, **environ):
        result = run(
            "doctor",
            "--json",
            *given,
            **{**usual, "COPILOT_BRIDGE_GITHUB_TOKEN": token or new_token(), **environ},
        )
        report = json.loads(result.out)
        assert report["ok"] is (result.code == 0)
        return result.code, {row["name"]: row for row in report["checks"]}

    return call


@pytest.fixture
def context(home, simulator):
    usual = {"home": home, "github_url": simulator.url, "github_api_url": simulator.url}

    def made(**more):
        given = {**usual, "github_token": new_token(), **more}
        return CheckContext(
            Bridge(load_config({}, {variable(name): str(value) for name, value in given.items()}))
        )

    return made


def test_all_checks_pass_on_a_good_installation(doctor, simulator):
    code, steps = doctor("--live")
    assert code == 0
    assert list(steps) == EVERY
    assert {row["state"] for row in steps.values()} == {"ok"}
    assert "octo-demo" in steps["login"]["message"]
    assert simulator.url in steps["http copilot"]["message"]
    assert "free" in steps["port"]["message"]


def test_findings_are_printed_in_words(run, free_port):
    result = run("doctor", "-p", free_port, COPILOT_BRIDGE_GITHUB_TOKEN=new_token())
    assert result.code == 0
    assert result.out.endswith("\nAll is well.\n")
    assert [line.split()[0] for line in result.out.splitlines()[: len(CHECKS)]] == ["ok"] * len(CHECKS)


def test_models_are_asked_only_if_wished_for(doctor, simulator):
    token = new_token()
    _, steps = doctor(token=token)
    assert not [name for name in steps if name.startswith("live")]


def test_the_cheapest_model_is_asked(doctor):
    _, steps = doctor("--live")
    assert steps["live"]["message"].count("gpt-4o-mini (15 AI units a million tokens)") == 3
    assert steps["live chat"]["message"].endswith("has responded")
    assert steps["live web search"]["message"] == "a model of the plan found 2 pages"


def row(name, multiplier, *dialects):
    plain = Model.read({"id": name, "billing": {"multiplier": multiplier}})
    return replace(plain, dialects=dialects)


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ([row("a", 1, "messages"), row("b", 0, "chat")], "b"),
        ([row("a", 0, "chat"), row("b", 0, "messages")], "b"),
        ([row("a", None, "messages"), row("b", 0.33, "chat")], "b"),
        ([row("a", 0), row("b", 9, "chat")], "b"),
    ],
)
def test_the_cheapest_model_is_chosen_for_live_requests(models, name):
    assert cheapest(models, "messages").id == name
    assert cheapest([], "messages") is None


# --- what can be broken


def states(steps):
    return {name: step["state"] for name, step in steps.items()}


def test_a_login_that_github_refuses_skips_what_needs_it(doctor):
    code, steps = doctor("--live", token="ghu_nobody")
    assert code == 1
    assert steps["login"]["state"] == "failed"
    assert steps["login"]["fix"] == "copilot-bridge auth"
    for name in ("token", "plan", "models", *(step.name for step in LIVE_CHECKS)):
        assert steps[name]["state"] == "skipped", name
        assert steps[name]["message"].startswith("because '"), name
    assert steps["http copilot"]["state"] != "skipped", "it is looked at all the same"
    assert "ghu_nobody" not in json.dumps(steps)


def test_a_missing_login_is_reported(run, simulator, free_port):
    result = run("doctor", "-p", free_port, COPILOT_BRIDGE_COPILOT_API_URL=simulator.url)
    assert result.code == 1
    line = next(line for line in result.out.splitlines() if line.startswith("failed   login"))
    assert "there is no GitHub login" in line
    assert (
        result.out.splitlines()[result.out.splitlines().index(line) + 1].strip() == "-> copilot-bridge auth"
    )
    assert "failed: login" in result.out.splitlines()[-1]


def test_a_classic_token_fails_the_login_check(doctor):
    assert "ghp_" in doctor(token="ghp_" + "x" * 36)[1]["login"]["message"]


@pytest.mark.parametrize(
    ("persona", "name", "state"), [("noaccess", "token", "failed"), ("free", "plan", "ok")]
)
def test_each_account_has_its_finding(doctor, persona, name, state):
    assert doctor(token=new_token(persona))[1][name]["state"] == state


@pytest.mark.parametrize("given", [{"COPILOT_BRIDGE_PROT": "1"}, {"COPILOT_BRIDGE_WORKERS": "many"}])
def test_invalid_settings_skip_all_other_checks(doctor, given):
    code, steps = doctor(**given)
    assert code == 1
    assert steps["configuration"]["state"] == "failed"
    assert steps["configuration"]["fix"]
    assert {row["state"] for name, row in steps.items() if name != "configuration"} == {"skipped"}


def test_a_settings_file_that_others_can_read_is_a_warning(doctor, tmp_path):
    path = tmp_path / "my.env"
    path.write_text(f"COPILOT_BRIDGE_API_KEY={new_token()}\n")
    path.chmod(0o644)
    _, steps = doctor("--env-file", path)
    assert steps["configuration"]["state"] == "warning"
    assert steps["configuration"]["fix"] == f"chmod 600 {path}"
    path.chmod(0o600)
    assert doctor("--env-file", path)[1]["configuration"]["state"] == "ok"


def test_a_file_that_is_no_store_fails_the_check_alone(doctor, home):
    home.mkdir()
    (home / "bridge.db").write_bytes(b"no database" * 1000)
    code, steps = doctor()
    assert code == 1
    assert steps["store"]["state"] == "failed"
    assert steps["store"]["fix"]
    assert steps["models"]["state"] == "ok"


def test_a_store_of_a_newer_version_is_a_warning(doctor, home):
    store = open_store(home)
    store.database.run(
        lambda transaction: transaction.change("INSERT INTO migrations (name, at) VALUES ('m999', 1)")
    )
    store.close()
    _, steps = doctor()
    assert steps["store"]["state"] == "warning"
    assert "m999" in steps["store"]["message"]


def test_files_that_others_can_read(doctor, home):
    doctor()
    (home / "store.key").chmod(0o644)
    _, steps = doctor()
    assert steps["permissions"]["state"] == "warning"
    assert steps["permissions"]["fix"] == f"chmod -R go-rwx {home}"


@pytest.mark.parametrize(("free", "state"), [(10**9, "ok"), (10**8, "warning"), (10**7, "failed")])
def test_a_full_disk_is_a_failure_and_a_nearly_full_one_a_warning(context, monkeypatch, free, state):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Free(free))
    assert machine.disk(context()).state == state


class Free:
    def __init__(self, free):
        self.free = free


@pytest.mark.parametrize(
    ("skew", "state"),
    [(0.5, "ok"), (-30, "ok"), (-100, "warning"), (100, "warning"), (700, "failed"), (None, "ok")],
)
def test_a_wrong_clock_is_reported(context, skew, state):
    ill = context()
    ill.skew = skew
    assert network.clock(ill).state == state


def test_the_clock_is_compared_with_the_response():
    assert abs(network.skew_of(formatdate(time.time() + 100, usegmt=True)) - 100) < 2
    assert network.skew_of(None) is None
    assert network.skew_of("yesterday") is None


# --- the network


def test_an_unknown_host_skips_the_checks_behind_it(doctor):
    nowhere = "https://nowhere.invalid"
    _, steps = doctor(COPILOT_BRIDGE_GITHUB_API_URL=nowhere)
    assert steps["dns api"]["state"] == "failed"
    assert steps["dns api"]["fix"].endswith("nslookup nowhere.invalid")
    for name in ("tls api", "http api", "clock", "login", "token"):
        assert steps[name]["state"] == "skipped", name
    assert steps["http github"]["state"] == "ok"


def test_a_closed_port_is_reported(context, free_port):
    ill = context(github_url=f"https://127.0.0.1:{free_port}")
    assert network.tls("github", ill).state == "failed"
    assert "refused" in network.tls("github", ill).message


def test_a_host_without_tls_fails_the_check(context, simulator):
    ill = context(github_url=simulator.url.replace("http:", "https:"))
    found = network.tls("github", ill)
    assert found.state == "failed"
    assert "SSL_CERT_FILE" in found.fix


def test_the_issuer_of_a_certificate_is_named():
    peer_certificate = {"issuer": ((("organizationName", "A CA"),),), "notAfter": "Feb  5 2027"}
    assert network.issuer(peer_certificate) == "signed by A CA, until Feb  5 2027"
    assert isinstance(network.ssl_context(), ssl.SSLContext)


def test_an_unreachable_proxy_fails_the_check_without_its_password(context, free_port):
    ill = context(github_url="https://github.example", proxy=f"http://me:secret@127.0.0.1:{free_port}")
    found = network.proxy("github", ill)
    assert found.state == "failed"
    assert "secret" not in found.message
    assert "--proxy" in found.fix
    assert network.dns("github", ill).message == "the proxy looks it up"


# --- the port


def test_a_bridge_runs_there(doctor, bridge):
    row = doctor(PORT=str(bridge.address[1]))[1]["port"]
    assert row["state"] == "ok"
    assert "is ready" in row["message"]


def test_something_else_runs_there(doctor, simulator):
    row = doctor(PORT=simulator.url.rpartition(":")[2])[1]["port"]
    assert row["state"] == "failed"
    assert "--port" in row["fix"]


def test_a_foreign_listen_address_fails_the_check(context):
    assert port.free(context(host="192.0.2.1"), "").state == "failed"


# --- the table


@pytest.mark.parametrize(
    ("error", "fix"),
    [(LoginRequired("x"), "copilot-bridge auth"), (UpstreamRefused("x"), "the step's own")],
)
def test_an_error_ends_with_what_to_do(context, error, fix):
    def function(_):
        raise error

    result = run_check(Check("x", function, (), "the step's own"), context(), {})
    assert (result.finding.state, result.finding.fix) == ("failed", fix)


def test_each_step_needs_only_earlier_ones():
    seen = set()
    for step in (*CHECKS, *LIVE_CHECKS):
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)


def test_secrets_are_in_no_finding(context):
    def function(_):
        raise BridgeError("token ghu_0123456789abcdef0123")

    assert "ghu_" not in run_check(Check("x", function), context(), {}).finding.message
    assert "ghu_" not in check.ok("ghu_0123456789abcdef0123").message
    assert Finding("ok", "x").fix == ""
