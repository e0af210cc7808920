"""`copilot-bridge doctor`: checks everything from the settings to the models, and suggests fixes."""

import sys
from dataclasses import asdict
from typing import Any

import click

from copilot_bridge.cli.completion import complete_models
from copilot_bridge.cli.doctor.check import Check, CheckContext, CheckResult, Finding, run_check
from copilot_bridge.cli.doctor.checks import CHECKS, LIVE_CHECKS, without_configuration
from copilot_bridge.cli.doctor.contract import run as ask_models
from copilot_bridge.cli.doctor.lessons import forget
from copilot_bridge.cli.options import ACCESS, CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_wrapped, printable, spinner, wrapped
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline import Bridge

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": None}


def without_settings(error: ConfigError, as_json: bool, **_: Any) -> None:
    finish(print_results(without_configuration(error), as_json), as_json)


@click.command(
    "doctor", cls=Command, examples=("doctor", "doctor --live", "doctor --contract claude-sonnet-4.6")
)
@click.option("--live", is_flag=True, help="Also send a request to the cheapest model, through each API.")
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=complete_models)
@click.option(
    "--contract",
    is_flag=True,
    help="Ask the models that are named, or all, what they take (efforts, thinking, roles, tools, schemas), "
    "with tiny requests; it says first how many and what they cost, and asks.",
)
@click.option("--yes", is_flag=True, help="Do not ask before --contract.")
@click.option(
    "--forget",
    "forgetting",
    is_flag=True,
    help="Forget what Copilot's refusals have taught; it is forgotten after a week anyway.",
)
@json_option
@takes_settings("host", "port", *ACCESS, *CONNECTION, *LOGGING, unless=without_settings)
def command(
    config: Config,
    models: tuple[str, ...],
    contract: bool,
    yes: bool,
    live: bool,
    forgetting: bool,
    as_json: bool,
) -> None:
    """Check the installation, and suggest fixes.

    Settings, store, network, login, plan, token, models, port.  Exit code 1 if anything has failed.
    """
    if models and not contract:
        raise click.UsageError("models are named for --contract alone")
    bridge = Bridge(config)
    if forgetting:
        forget(bridge, as_json=as_json)
    elif contract:
        ask_models(bridge, models, yes=yes, as_json=as_json)
    else:
        run_checks(CheckContext(bridge), LIVE_CHECKS if live else (), as_json=as_json)


def run_checks(context: CheckContext, more: tuple[Check, ...], *, as_json: bool) -> None:
    earlier: dict[str, Finding] = {}
    results = []
    for step in (*CHECKS, *more):
        with spinner(step.name):
            result = run_check(step, context, earlier)
        earlier[result.name] = result.finding
        results += print_results([result], as_json)
    finish(results, as_json)


def print_results(results: list[CheckResult], as_json: bool) -> list[CheckResult]:
    for result in results if not as_json else ():
        finding = result.finding
        took = f"  [{result.ms} ms]" if finding.state != "skipped" else ""
        line = wrapped(f"{result.name}: {printable(finding.message)}{took}", f"{finding.state:<8} ")
        state = len(finding.state)
        click.echo(click.style(line[:state], fg=COLOURS[finding.state]) + line[state:])
        if finding.fix:
            print_wrapped(finding.fix, "         -> ")
    return results


def finish(results: list[CheckResult], as_json: bool) -> None:
    bad = [result.name for result in results if result.finding.state == "failed"]
    if as_json:
        rows = [{"name": result.name, **asdict(result.finding), "ms": result.ms} for result in results]
        print_json({"ok": not bad, "checks": rows})
    else:
        click.echo()
        print_wrapped(f"{len(bad)} failed: {', '.join(bad)}" if bad else "All is well.")
    if bad:
        sys.exit(1)
