"""`copilot-bridge approvals`: approves or denies the requests that wait for it."""

import time
from collections.abc import Callable

import click

from copilot_bridge.cli.completion import complete_requests
from copilot_bridge.cli.options import LOGGING, STORE, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, printable
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store.approvals import ApprovalTable, PendingRequest

POLL_INTERVAL = 0.3  # seconds


@click.group(
    "approvals",
    cls=Group,
    invoke_without_command=True,
    examples=("approvals", "approvals approve 3f2a", "approvals --watch"),
)
@click.option("--watch", is_flag=True, help="Ask about each request as it arrives; Ctrl-C ends.")
@json_option
@takes_settings(*STORE, *LOGGING)
def command(config: Config, watch: bool, as_json: bool) -> None:
    """Approve or deny the requests that are waiting.

    Without a command: list them.  Requests wait for approval if the bridge runs with --require-approval.
    """
    approvals = store_of(config).approvals
    if watch:
        prompt_for_each(approvals, lambda: True)
    else:
        print_waiting(approvals, as_json=as_json)


def print_waiting(approvals: ApprovalTable, *, as_json: bool) -> None:
    waiting = list(approvals.waiting())
    if as_json:
        print_json([as_fields(request) for request in waiting])
    elif waiting:
        rows = [as_row(request) for request in waiting]
        print_table(("ID", "CALLER", "MODEL", "SIZE", "WAITS", "PROMPT"), rows, optional=("SIZE",))
    else:
        click.echo("No request is waiting.")


def as_row(request: PendingRequest) -> tuple[str, ...]:
    return (
        request.id[:8],
        request.caller,
        request.model,
        kilobytes(request.size),
        age(request),
        request.preview,
    )


def as_fields(request: PendingRequest) -> dict[str, object]:
    """The request as JSON; `since` is in Unix seconds, `size` in bytes."""
    return {
        "id": request.id,
        "caller": request.caller,
        "model": request.model,
        "size": request.size,
        "since": request.at,
        "prompt": request.preview,
    }


@command.command("list")
@json_option
@takes_settings(*STORE, *LOGGING)
def list_waiting(config: Config, as_json: bool) -> None:
    """List the waiting requests, the oldest first (the default)."""
    print_waiting(store_of(config).approvals, as_json=as_json)


@command.command()
@click.argument("request", shell_complete=complete_requests)
@takes_settings(*STORE, *LOGGING)
def approve(config: Config, request: str) -> None:
    """Approve a request, named by the start of its id."""
    decide(store_of(config).approvals, request, yes=True)


@command.command()
@click.argument("request", shell_complete=complete_requests)
@takes_settings(*STORE, *LOGGING)
def deny(config: Config, request: str) -> None:
    """Deny a request, named by the start of its id."""
    decide(store_of(config).approvals, request, yes=False)


def decide(approvals: ApprovalTable, start: str, *, yes: bool) -> None:
    found = [request for request in approvals.waiting() if request.id.startswith(start)]
    if len(found) != 1 or not start:
        raise ConfigError(f"{len(found) or 'no'} waiting requests have an id that begins with {start!r}")
    if not approvals.decide(found[0].id, yes=yes):
        raise ConfigError("the request is no longer waiting")
    click.echo("Approved." if yes else "Denied.")


def prompt_for_each(approvals: ApprovalTable, is_wanted: Callable[[], bool]) -> None:
    """Ask at the terminal about each request as it arrives, while `is_wanted()` is true."""
    while is_wanted():
        for question in approvals.waiting():
            about = (
                f"{question.caller} asks {question.model} ({kilobytes(question.size)}): {question.preview}"
            )
            click.echo(f"\n{printable(about)}")
            yes = click.confirm("Approve it?", default=True)
            if not approvals.decide(question.id, yes=yes):
                click.echo("It is no longer waiting.")
        time.sleep(POLL_INTERVAL)


def kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} kB"


def age(question: PendingRequest) -> str:
    return f"{max(0, time.time() - question.at):.0f} s"
