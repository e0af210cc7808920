"""`copilot-bridge doctor`: checks everything from the settings to the models, and suggests fixes."""

from typing import Any

import click

from copilot_bridge.cli.completion import complete_models
from copilot_bridge.cli.options import ACCESS, CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError


def without_settings(error: ConfigError, as_json: bool, **_: Any) -> None:
    from copilot_bridge.cli.doctor.report import report_bad_settings

    report_bad_settings(error, as_json=as_json)


@click.command(
    "doctor", cls=Command, examples=("doctor", "doctor --live", "doctor --contract claude-sonnet-4.6")
)
@click.option(
    "--live",
    is_flag=True,
    help="Also send a request to the cheapest model through each API, and search the web once.",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=complete_models)
@click.option(
    "--contract",
    is_flag=True,
    help="Test with tiny requests what the named models, or all, accept (efforts, thinking, roles, tools, "
    "schemas); first prints their number and cost, and asks.",
)
@click.option("--yes", is_flag=True, help="Do not ask before --contract.")
@click.option(
    "--forget",
    "forgetting",
    is_flag=True,
    help="Forget the limits learned from Copilot's refusals, which expire after a week anyway.",
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
    if (models or yes) and not contract:
        raise click.UsageError("MODEL and --yes are for --contract")
    if live + contract + forgetting > 1:
        raise click.UsageError("--live, --contract and --forget exclude each other")
    # Imported here, so that `--help` is quick.
    from copilot_bridge.cli.doctor.contract import run as test_models
    from copilot_bridge.cli.doctor.lessons import forget
    from copilot_bridge.cli.doctor.report import check_installation
    from copilot_bridge.pipeline import Bridge

    bridge = Bridge(config)
    if forgetting:
        forget(bridge, as_json=as_json)
    elif contract:
        test_models(bridge, models, yes=yes, as_json=as_json)
    else:
        check_installation(bridge, live=live, as_json=as_json)
