"""The limits learned from Copilot's refusals: `debug` lists them, `doctor --forget` clears them."""

import time
from typing import Any

import click

from copilot_bridge.cli.terminal.console import print_json, print_table
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.upstream.recovery.learned import StoredLesson, describe

COLUMNS = ("MODEL", "API", "LEARNED", "ACCOUNT", "SINCE", "UNTIL")
NAMES = ("model", "api", "learned", "account")


def learned(bridge: Bridge) -> list[dict[str, Any]]:
    """The learned limits of all accounts; times are in Unix seconds."""
    try:
        entries = bridge.learned.read()
    except BridgeError:  # `debug` reports it elsewhere
        return []
    mine = own(bridge)
    return [as_fields(entry, mine) for entry in entries]


def own(bridge: Bridge) -> dict[str, str]:
    """The account in use, as {fingerprint: login}."""
    try:
        account = bridge.account()
    except BridgeError:
        return {}
    return {account.fingerprint: account.login or "in use"}


def as_fields(entry: StoredLesson, names: dict[str, str]) -> dict[str, Any]:
    return {
        "model": entry.model,
        "api": entry.api,
        "learned": describe(entry.lesson),
        "account": names.get(entry.account, entry.account[:8]),
        "since": entry.since,
        "until": entry.until,
    }


def print_learned(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("No limits have been learned from refusals of Copilot.")
        return
    print_table(
        COLUMNS,
        [
            (
                row["model"],
                row["api"],
                row["learned"],
                row["account"],
                stamp(row["since"]),
                stamp(row["until"]),
            )
            for row in rows
        ],
        optional=("SINCE", "ACCOUNT"),
    )


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def forget(bridge: Bridge, *, as_json: bool) -> None:
    gone = bridge.learned.forget()
    if as_json:
        print_json({"forgotten": gone})
    else:
        click.echo(f"Cleared {gone} learned limits: the bridge tries again what Copilot has refused.")
