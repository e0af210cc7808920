"""What `copilot-bridge doctor` looks at: a table of steps, each a small function that returns a finding.

A step that can't work because an earlier one has failed is skipped.  What a step has found out for later ones
it leaves in `Patient`.
"""

import os
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from copilot_bridge import __version__
from copilot_bridge.access.callers import NOBODY, weak_keys
from copilot_bridge.cli.debug import knock
from copilot_bridge.cli.terminal.timeout import quickly
from copilot_bridge.config import Config
from copilot_bridge.config.settings import SECRETS
from copilot_bridge.errors import (
    BridgeError,
    ConfigError,
    LoginRequired,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.exchange import Bridge, Call
from copilot_bridge.exchange.models import talkers
from copilot_bridge.exchange.trials import WAYS
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model
from copilot_bridge.redaction import redact
from copilot_bridge.serving.address import base_url
from copilot_bridge.store.schema import MIGRATIONS
from copilot_bridge.upstream.bridge_client import ask, ask_condition
from copilot_bridge.upstream.catalogues import OUTDATED, UPDATE
from copilot_bridge.upstream.github.responses import PATIENCE, read_github
from copilot_bridge.upstream.quota import fetch_usage, read_usage
from copilot_bridge.upstream.transport.client import certificates

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """:param says: in one line, without secrets.  :param todo: what to do, a command if there is one."""

    state: State
    says: str
    todo: str = ""


def ok(says: str) -> Finding:
    return Finding("ok", redact(says))


def warning(says: str, todo: str) -> Finding:
    return Finding("warning", redact(says), todo)


def failed(says: str, todo: str) -> Finding:
    return Finding("failed", redact(says), todo)


@dataclass
class Patient:
    """The bridge, and what the steps have found out.

    :param skew: seconds that GitHub's clock is ahead of ours.  :param models: that can be talked to.
    :param copilot: the address that the token names.
    """

    bridge: Bridge
    copilot: str = ""
    skew: float | None = None
    models: list[Model] = field(default_factory=list)

    @property
    def config(self) -> Config:
        return self.bridge.config


@dataclass(frozen=True)
class Step:
    """:param needs: steps without which it can't work.  :param todo: if somebody else says why it failed."""

    name: str
    look: Callable[[Patient], Finding]
    needs: tuple[str, ...] = ()
    todo: str = ""


@dataclass(frozen=True)
class Result:
    name: str
    finding: Finding
    ms: int


def examine(step: Step, patient: Patient, before: dict[str, Finding]) -> Result:
    """:param before: the findings of the steps so far."""
    began = time.perf_counter()
    missing = [name for name in step.needs if before[name].state in ("failed", "skipped")]
    if missing:
        return Result(step.name, Finding("skipped", f"because {missing[0]!r} failed"), 0)
    try:
        finding = step.look(patient)
    except BridgeError as error:
        finding = failed(" ".join(str(error).split()), advice(error) or step.todo)
    return Result(step.name, finding, round((time.perf_counter() - began) * 1000))


# What helps, by what has gone wrong.
ADVICE: dict[type[BridgeError], str] = {
    LoginRequired: "copilot-bridge auth",
    UpstreamTimeout: "look for a firewall in between, or name your proxy: --proxy http://proxy:3128",
    UpstreamUnreachable: "look at your network, or name your proxy: --proxy http://proxy:3128",
}


def advice(error: BridgeError) -> str:
    return ADVICE.get(type(error), "")


# --- this machine


def configuration(patient: Patient) -> Finding:
    """Unknown and malformed settings have been found already; here: who can read the secrets in files."""
    given = {name: source_of(origin) for name, origin in patient.config.origins.items()}
    for name in (each.name for each in SECRETS if each.name in given):
        path = Path(given[name])
        if path.is_file() and open_to_others(path):
            return warning(f"others can read {path}, and it holds {name}", f"chmod 600 {path.absolute()}")
    if lost := patient.bridge.callers.trouble:
        return warning(lost, "copilot-bridge keys add NAME, or copilot-bridge keys clear")
    if weak := weak_keys(patient.config):
        return warning(weak[0], "replace it where it is set, and in your clients")
    return ok(
        f"{len(given)} settings, from {', '.join(sorted(set(given.values())))}" if given else "by default"
    )


def source_of(origin: str) -> str:
    """`environment` of `environment: COPILOT_BRIDGE_PORT`; files likewise."""
    return origin.rpartition(": ")[0] or origin


def open_to_others(path: Path) -> bool:
    return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def store(patient: Patient) -> Finding:
    database = patient.bridge.store.database
    if not patient.config.persist:
        return ok("in memory only (--no-persist)")
    if problem := database.check():
        return failed(
            problem, f"copilot-bridge doctor --no-persist, to see the rest; look at {database.place}"
        )
    vault = patient.bridge.store.vault
    if vault.open(vault.seal("x")) != "x":
        return failed(f"the key {vault.place} does not seal", "copilot-bridge auth, after moving it away")
    done = {str(name) for (name,) in database.run(lambda each: each.rows("SELECT name FROM migrations"))}
    if newer := sorted(done - {name for name, _ in MIGRATIONS}):
        return warning(
            f"a newer version has written to it ({newer[-1]})", "pip install --upgrade copilot-bridge"
        )
    return ok(f"{database.place}, can be written to, {len(done)} migrations")


LITTLE, TOO_LITTLE = 500 * 10**6, 50 * 10**6  # bytes


def disk(patient: Patient) -> Finding:
    place = next(each for each in (patient.config.home, *patient.config.home.parents) if each.exists())
    free = shutil.disk_usage(place).free
    says = f"{free / 1e9:,.1f} GB free at {place}"
    if free < LITTLE:
        return (failed if free < TOO_LITTLE else warning)(
            says, f"make room, or move the data: --home (now {place})"
        )
    return ok(says)


def permissions(patient: Patient) -> Finding:
    home = patient.config.home
    if os.name != "posix" or not home.exists():
        return ok(f"{home} has not been made yet" if not home.exists() else "as Windows keeps them")
    files = [home, *home.rglob("*")]
    if foreign := [path for path in files if path.lstat().st_uid != os.geteuid()]:
        return failed(f"{foreign[0]} belongs to somebody else", f"sudo chown -R {os.geteuid()} {home}")
    if wide := [path for path in files if not path.is_symlink() and open_to_others(path)]:
        return warning(f"others can read {wide[0]}", f"chmod -R go-rwx {home}")
    return ok(f"{home} is yours alone")


# --- the way to GitHub


@dataclass(frozen=True)
class Host:
    url: str

    @property
    def name(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)


def host_of(role: str, patient: Patient) -> Host:
    """Copilot's is the plan's, as soon as a token has named it."""
    known = patient.bridge.hosts
    return Host({"github": known.github, "api": known.api, "copilot": patient.copilot or known.copilot}[role])


def proxy(role: str, patient: Patient) -> Finding:
    host = host_of(role, patient)
    url = patient.bridge.client.proxy(host.url)
    if not url:
        return ok(f"none for {host.name}")
    way = Host(url)
    try:
        connect(way.name, way.port, patient).close()
    except OSError as error:
        return failed(
            f"{url} can't be reached: {reason(error)}", "name another with --proxy, or none: --no-proxy-env"
        )
    return ok(f"{url} answers, for {host.name}")


def dns(role: str, patient: Patient) -> Finding:
    host = host_of(role, patient)
    if patient.bridge.client.proxy(host.url):
        return ok("the proxy looks it up")
    look = partial(socket.getaddrinfo, host.name, host.port, type=socket.SOCK_STREAM)
    try:
        found = quickly(look, patient.config.connect_timeout)
    except (OSError, UnicodeError) as error:
        return failed(
            f"{host.name} has no address: {reason(error)}",
            f"look at your network and DNS: nslookup {host.name}",
        )
    return ok(f"{host.name} is {', '.join(sorted({str(row[4][0]) for row in found})[:3])}")


def tls(role: str, patient: Patient) -> Finding:
    host = host_of(role, patient)
    if urlsplit(host.url).scheme == "http":
        return ok("plain http, on this machine")
    if patient.bridge.client.proxy(host.url):
        return ok("through the proxy; see below whether it answers")
    try:
        with (
            connect(host.name, host.port, patient) as plain,
            trusting().wrap_socket(plain, server_hostname=host.name) as secure,
        ):
            return ok(f"{secure.version()}, {signed_by(secure.getpeercert() or {})}")
    except ssl.SSLError as error:
        todo = "a proxy that looks into TLS has a certificate of its own: SSL_CERT_FILE=/path/to/it.pem"
        return failed(f"no secure connection to {host.name}: {reason(error)}", todo)
    except OSError as error:
        return failed(f"can't reach {host.name}: {reason(error)}", ADVICE[UpstreamUnreachable])


def connect(name: str, port: int, patient: Patient) -> socket.socket:
    return socket.create_connection((name, port), timeout=patient.config.connect_timeout)


def trusting() -> ssl.SSLContext:
    """The certificates that requests would trust."""
    given = certificates()
    place = DEFAULT_CA_BUNDLE_PATH if given is True else str(given)
    folder = Path(place).is_dir()
    return ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)


def signed_by(certificate: Any) -> str:
    issuer = {name: value for ((name, value), *_) in certificate.get("issuer", ())}
    return f"signed by {issuer.get('organizationName', '?')}, until {certificate.get('notAfter', '?')}"


def reason(error: Exception) -> str:
    return getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)


def answers(role: str, patient: Patient) -> Finding:
    """Any status at all means that it answers."""
    host = host_of(role, patient)
    status, headers = knock(patient.bridge, host.url)
    if role == "api":
        patient.skew = skew_of(headers.get("Date"))
    return ok(f"{host.url} answers (status {status})")


def skew_of(date: str | None) -> float | None:
    try:
        then = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (then - datetime.now(UTC)).total_seconds()


A_LITTLE_OFF, FAR_OFF = 60.0, 600.0  # s; tokens are good for half an hour


def clock(patient: Patient) -> Finding:
    if patient.skew is None:
        return ok("GitHub did not say what time it is")
    off = abs(patient.skew)
    says = f"{off:.0f} s {'behind' if patient.skew > 0 else 'ahead of'} GitHub's"
    if off >= A_LITTLE_OFF:
        return (failed if off >= FAR_OFF else warning)(says, "set the clock: sudo timedatectl set-ntp true")
    return ok("as GitHub's" if off < 2 else says)


# --- the account


def login(patient: Patient) -> Finding:
    account = patient.bridge.account()
    token = account.github_token.reveal()
    if token.startswith("ghp_"):
        return failed("classic tokens (ghp_) are not taken by Copilot", "copilot-bridge auth")
    headers = patient.bridge.headers.github(token)
    response = patient.bridge.client.send("GET", account.hosts.api + "/user", headers, timeout=PATIENCE)
    user = read_github(response).get("login")
    origin = patient.config.origin("github_token") if patient.config.github_token else "the store"
    scopes = response.headers.get("x-oauth-scopes")
    return ok(f"{user}, from {origin}{f', scopes: {scopes}' if scopes else ''}")


def token(patient: Patient) -> Finding:
    found = patient.bridge.copilot().token()
    patient.copilot = found.api
    kind = "the GitHub token itself" if found.kind == "direct" else "exchanged"
    minutes = (found.expires_at - time.time()) / 60
    return ok(f"{kind}, good for {minutes:.0f} min, at {found.api}")


def plan(patient: Patient) -> Finding:
    """What is left; a plan that says nothing of it works all the same."""
    bridge = patient.bridge
    name = bridge.copilot().token().plan or "plan unknown"
    try:
        usage = read_usage(fetch_usage(bridge.client, bridge.headers, bridge.account()))
    except BridgeError as error:
        return warning(
            f"{name}; GitHub does not say what is left: {error}", "copilot-bridge auth, for a login that may"
        )
    spent = [each.name for each in usage.quotas if not each.unlimited and each.percent_remaining == 0]
    if spent:
        return warning(f"{name}; nothing left of {', '.join(spent)}", "copilot-bridge check-usage")
    return ok(name)


def models(patient: Patient) -> Finding:
    patient.models = talkers(patient.bridge)
    if not patient.models:
        return failed(
            "the plan has no chat model", "enable some: https://github.com/settings/copilot/features"
        )
    found = f"{len(patient.models)}: {', '.join(each.id for each in patient.models[:4])} ..."
    if outdated := patient.bridge.models.catalogue(patient.bridge.copilot()).outdated:
        return warning(f"{found}; {OUTDATED}: {outdated}", UPDATE)
    return ok(found)


# --- the bridge itself


def port(patient: Patient) -> Finding:
    """Whether a bridge runs there, or could."""
    url = base_url(patient.config.host, patient.config.port)
    try:
        told = ask(patient.bridge.client, url, "/")
    except UpstreamUnreachable:
        return free(patient, url)
    except BridgeError as error:
        return taken(url, str(error))
    if told.get("name") != "copilot-bridge":
        return taken(url, "it does not answer as a bridge does")
    if told.get("version") != __version__:
        return warning(
            f"version {told.get('version')} runs at {url}, this is {__version__}",
            "copilot-bridge service restart",
        )
    try:
        condition = ask_condition(patient.bridge.client, url)
    except BridgeError as error:
        condition = str(error)
    if condition != "ready":
        return warning(f"a bridge runs at {url}, and says: {condition}", "copilot-bridge service logs")
    return ok(f"a bridge runs at {url}, and is ready")


def free(patient: Patient, url: str) -> Finding:
    host, number = patient.config.host, patient.config.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, number), family=family).close()
    except OSError as error:
        return failed(f"can't listen on {host}:{number}: {reason(error)}", "copilot-bridge start --port 4142")
    return ok(f"free; no bridge runs at {url} (copilot-bridge start)")


def taken(url: str, why: str) -> Finding:
    return failed(f"something else has {url}: {why}", "copilot-bridge start --port 4142")


# --- asking a model

QUESTION = "Say ok"
CENTS_OF_A_PREMIUM_REQUEST = 200  # a million tokens of a model whose multiplier was 1
TINY = 16  # tokens; the least that Responses takes


def cheapest(models: Iterable[Model], dialect: str) -> Model | None:
    """What costs nothing first; of several, one that Copilot offers through this API."""
    return min(
        (each for each in models if each.dialects),
        key=lambda each: (
            expense(each),
            dialect not in each.dialects,
            each.id,
        ),
        default=None,
    )


def expense(model: Model) -> float:
    """Of a small request, to compare models by: a premium request, or about so many AI units."""
    if model.multiplier is not None:
        return model.multiplier
    return model.prices.usual.given / CENTS_OF_A_PREMIUM_REQUEST if model.prices else 1.0


def costs(patient: Patient) -> Finding:
    """What the requests that follow will take, before they are sent."""
    chosen = [(dialect, cheapest(patient.models, dialect)) for dialect in WAYS]
    parts = [f"{dialect} {model.id} ({cost(model)})" for dialect, model in chosen if model]
    return ok(f"{len(parts)} requests follow: {', '.join(parts)}")


def cost(model: Model) -> str:
    if model.multiplier is not None:
        return f"{model.multiplier:g}x"
    return f"{model.prices.usual.given:g} AI units a million tokens" if model.prices else "cost unknown"


def live(dialect: str, patient: Patient) -> Finding:
    """As the server would ask, without its door: no key is needed in here."""
    model = cheapest(patient.models, dialect)
    if model is None:  # the step before has failed then
        return failed("there is no model", "copilot-bridge models")
    way, record = WAYS[dialect], RequestLogEntry("doctor", "POST", dialect)
    asked = orjson.dumps(way.body(model.id, QUESTION, TINY))
    way.make(Call(patient.bridge, NOBODY), record, asked, {}).complete()
    return ok(f"{model.id} has answered")


# --- the table


def way_to(role: str) -> list[Step]:
    layers = (("proxy", proxy), ("dns", dns), ("tls", tls), ("answers", answers))
    names = [f"{name} {role}" for name, _ in layers]
    needs = [(), *((name,) for name in names)]
    looks = (partial(look, role) for _, look in layers)
    return [Step(name, look, need) for name, look, need in zip(names, looks, needs, strict=False)]


USUAL = (
    Step("configuration", configuration),
    Step("store", store, todo="copilot-bridge debug"),
    Step("permissions", permissions),
    Step("disk", disk),
    *way_to("github"),
    *way_to("api"),
    Step("clock", clock, ("answers api",)),
    Step("login", login, ("answers api",), "copilot-bridge auth"),
    Step("token", token, ("login",), "copilot-bridge auth"),
    *way_to("copilot"),
    Step("plan", plan, ("token",), "copilot-bridge check-usage"),
    Step("models", models, ("token", "answers copilot"), "copilot-bridge models"),
    Step("port", port, todo="copilot-bridge start --port 4142"),
)
LIVE = (
    Step("live", costs, ("models",)),
    *(Step(f"live {name}", partial(live, name), ("models",), "copilot-bridge models") for name in WAYS),
)


def broken(error: ConfigError) -> list[Result]:
    """Without settings there is nothing else to look at."""
    todo = "mend the setting; copilot-bridge start --help says what each takes"
    skipped = Finding("skipped", "because 'configuration' failed")
    return [
        Result(USUAL[0].name, failed(str(error), todo), 0),
        *(Result(step.name, skipped, 0) for step in USUAL[1:]),
    ]
