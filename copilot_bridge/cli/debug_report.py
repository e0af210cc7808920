"""The report of `copilot-bridge debug`: everything a bug report needs, without secrets."""

import platform
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from copilot_bridge import __version__
from copilot_bridge.cli.doctor.lessons import learned, print_learned
from copilot_bridge.cli.terminal.console import (
    masked_token,
    print_json,
    print_table,
    print_wrapped,
    spinner,
    wrapped,
)
from copilot_bridge.config import Config
from copilot_bridge.config.settings import settings, spell
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret, redact
from copilot_bridge.upstream.github.device_login import fetch_login

PACKAGES = (
    "flask",
    "requests",
    "urllib3",
    "gunicorn",
    "gevent",
    "cachetools",
    "msgspec",
    "orjson",
    "click",
    "filelock",
    "cryptography",
)
HOST_TIMEOUT = 10.0  # seconds


def report_state(config: Config, *, as_json: bool) -> None:
    """Check the system, the login and the hosts, and print the report."""
    bridge = Bridge(config)
    with spinner("Checking the system, the login and the hosts"):
        report = {
            "version": __version__,
            "python": f"{platform.python_version()} ({sys.executable})",
            "system": platform.platform(),
            "packages": {name: installed(name) for name in PACKAGES},
            "paths": {"home": str(config.home), "store": bridge.store.database.location},
            "store": store_state(bridge),
            "settings": [describe(config, field.name) for field in settings()],
            "login": login_state(bridge),
            "cooldowns": bridge.rate_limiter.cooldowns.report(),
            "hosts": [reach(bridge, role, url) for role, url in hosts(bridge)],
            "learned": learned(bridge),
        }
    if as_json:
        print_json(report)
    else:
        print_report(report)


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def describe(config: Config, name: str) -> dict[str, object]:
    value = getattr(config, name)
    if isinstance(value, Secret):
        value = masked_token(value, config.show_token) if value else None
    elif isinstance(value, tuple):
        value = tuple(hide(part, config.show_token) for part in value)
    elif isinstance(value, str):
        value = redact(value)  # a proxy's address may hold a password
    return {"name": name, "value": value, "origin": config.origin(name)}


def hide(value: object, in_full: bool) -> object:
    if isinstance(value, tuple):
        return ":".join(str(hide(part, in_full)) for part in value)
    return masked_token(value, in_full) if isinstance(value, Secret) else value


def login_state(bridge: Bridge) -> dict[str, object]:
    """The login, after asking GitHub whether it is still valid, as {"user", "token", "error"}."""
    try:
        account = bridge.account()
    except BridgeError as error:
        return {"user": None, "token": None, "error": str(error)}
    token = masked_token(account.github_token, bridge.config.show_token)
    try:
        user = fetch_login(bridge.client, bridge.headers, bridge.hosts, account.github_token)
    except BridgeError as error:
        return {"user": account.login or None, "token": token, "error": str(error)}
    return {"user": user, "token": token, "error": None}


def store_state(bridge: Bridge) -> dict[str, object]:
    """The state of the store, after reading all of it, as {"place", "key", "problem"}."""
    store = bridge.store
    return {
        "place": store.database.location,
        "key": store.encryptor.location,
        "problem": store.database.check(),
    }


def hosts(bridge: Bridge) -> list[tuple[str, str]]:
    """The hosts to reach, as (role, URL).  Copilot's is the plan's own where that is known."""
    try:
        copilot = bridge.copilot().token().api
    except BridgeError:
        copilot = bridge.hosts.copilot
    return [("GitHub", bridge.hosts.github), ("GitHub API", bridge.hosts.api), ("Copilot", copilot)]


def reach(bridge: Bridge, role: str, url: str) -> dict[str, Any]:
    """Report whether the host responds, with whatever status."""
    began = time.perf_counter()
    result: dict[str, Any] = {"host": role, "url": url, "reached": False, "ms": None, "error": None}
    try:
        probe(bridge, url)
    except BridgeError as error:
        return result | {"error": str(error)}
    return result | {"reached": True, "ms": round((time.perf_counter() - began) * 1000)}


def probe(bridge: Bridge, url: str) -> tuple[int, Mapping[str, str]]:
    """The status and headers of the host's response.  Raises BridgeError: nothing responds."""
    response = bridge.client.send("GET", url + "/", bridge.headers.github(), timeout=HOST_TIMEOUT)
    response.close()
    return response.status_code, response.headers


def print_report(report: dict[str, Any]) -> None:
    click.echo(wrapped(f"copilot-bridge {report['version']}, Python {report['python']}, {report['system']}"))
    packages = (f"{name} {found or 'missing'}" for name, found in report["packages"].items())
    click.echo(wrapped(", ".join(packages)))
    print_wrapped(report["paths"]["home"], "Data directory: ")
    store = report["store"]
    print_wrapped(f"{store['place']}, {store['problem'] or 'no problems found'}", "Store: ")
    click.echo()
    rows = [
        (setting["name"], "-" if setting["value"] is None else spell(setting["value"]), setting["origin"])
        for setting in report["settings"]
    ]
    print_table(("SETTING", "VALUE", "FROM"), rows)
    login = report["login"]
    click.echo(f"\nLogin: {login['user'] or 'nobody'} {login['token'] or ''}".rstrip())
    if login["error"]:
        print_wrapped(login["error"], "       ")
    for pause in report["cooldowns"]:
        print_wrapped(f"{pause['what']}, {pause['seconds_left']} s left: {pause['message']}", "Paused: ")
    click.echo()
    host_rows = [
        (host["host"], host["url"], f"{host['ms']} ms" if host["reached"] else host["error"])
        for host in report["hosts"]
    ]
    print_table(("HOST", "ADDRESS", "RESPONDS"), host_rows)
    click.echo()
    print_learned(report["learned"])
