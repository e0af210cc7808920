"""Runs the checks of `copilot-bridge doctor` and prints their findings."""

import sys
from dataclasses import asdict

import click

from copilot_bridge.cli.doctor.check import Check, CheckContext, CheckResult, Finding, run_check
from copilot_bridge.cli.doctor.checks import CHECKS, LIVE_CHECKS, without_configuration
from copilot_bridge.cli.terminal.console import print_json, print_wrapped, printable, spinner, wrapped
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline import Bridge

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": None}


def check_installation(bridge: Bridge, *, live: bool, as_json: bool) -> None:
    """Print each finding; exit with code 1 if anything has failed."""
    run_checks(CheckContext(bridge), LIVE_CHECKS if live else (), as_json=as_json)


def report_bad_settings(error: ConfigError, *, as_json: bool) -> None:
    finish(print_results(without_configuration(error), as_json), as_json)


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
