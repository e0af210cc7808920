"""`copilot-bridge approvals`: say yes or no to requests that wait for it."""

import time
from collections.abc import Callable

import click

from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.terminal.console import print_table, printable
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.exchange import Bridge
from copilot_bridge.store.approvals import PendingRequest

POLL_INTERVAL = 0.3  # s


@click.group("approvals", invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Ask for each request as it comes.  Ctrl-C ends.")
@takes_settings(*CONNECTION, *LOGGING)
@click.pass_context
def command(context: click.Context, config: Config, watch: bool) -> None:
    """Approve or deny the requests that are waiting.

    Without a command: list them.  A bridge asks if it was started with --require-approval.
    """
    if context.invoked_subcommand is None and watch:
        prompt_for_each(Bridge(config), lambda: True)
    elif context.invoked_subcommand is None:
        show(Bridge(config))


def show(bridge: Bridge) -> None:
    rows = [
        (each.id[:8], each.caller, each.model, kilobytes(each.size), age(each), each.line)
        for each in bridge.store.approvals.waiting()
    ]
    if rows:
        print_table(("ID", "CALLER", "MODEL", "SIZE", "WAITS", "PROMPT"), rows, optional=("SIZE",))
    else:
        click.echo("No request is waiting.")


@command.command("list")
@takes_settings(*CONNECTION, *LOGGING)
def list_waiting(config: Config) -> None:
    """List the waiting requests, the oldest first (the default)."""
    show(Bridge(config))


@command.command()
@click.argument("question")
@takes_settings(*CONNECTION, *LOGGING)
def approve(config: Config, question: str) -> None:
    """Approve a request, named by the start of its id."""
    decide(Bridge(config), question, yes=True)


@command.command()
@click.argument("question")
@takes_settings(*CONNECTION, *LOGGING)
def deny(config: Config, question: str) -> None:
    """Deny a request, named by the start of its id."""
    decide(Bridge(config), question, yes=False)


def decide(bridge: Bridge, start: str, *, yes: bool) -> None:
    found = [each for each in bridge.store.approvals.waiting() if each.id.startswith(start)]
    if len(found) != 1 or not start:
        raise ConfigError(f"{len(found)} requests that wait have an id that begins with {start!r}")
    if not bridge.store.approvals.decide(found[0].id, yes=yes):
        raise ConfigError("it does not wait any more")
    click.echo("Approved." if yes else "Denied.")


def prompt_for_each(bridge: Bridge, goes_on: Callable[[], bool]) -> None:
    """Ask at the terminal about each request as it arrives, while `goes_on()` is true."""
    while goes_on():
        for question in bridge.store.approvals.waiting():
            about = f"{question.caller} asks {question.model} ({kilobytes(question.size)}): {question.line}"
            click.echo(f"\n{printable(about)}")
            yes = click.confirm("Let it through?", default=True)
            if not bridge.store.approvals.decide(question.id, yes=yes):
                click.echo("It is no longer waiting.")
        time.sleep(POLL_INTERVAL)


def kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} kB"


def age(question: PendingRequest) -> str:
    return f"{max(0, time.time() - question.at):.0f} s"
