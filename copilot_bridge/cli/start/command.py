"""`copilot-bridge start`: the options; the work is imported when it runs, so that `--help` is quick."""

import click

from copilot_bridge.cli.completion import complete_models
from copilot_bridge.cli.options import EVERY_OPTION, takes_settings
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.serving.patching import EXTRAS, import_without_extras


@click.command(
    "start",
    cls=Command,
    examples=("start", "start --port 5000", "start --simulate", "start --host 0.0.0.0 --make-key"),
)
@click.option("--simulate", is_flag=True, help="Use the built-in simulator: no login, no network.")
@click.option("--check", is_flag=True, help="Only check the settings and the program.")
@click.option(
    "-c", "--claude-code", is_flag=True, help="Print the command that starts Claude Code with this bridge."
)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model for Claude Code; without it, you are asked.",
)
@click.option(
    "--small-model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model for Claude Code's small tasks.",
)
@takes_settings(*EVERY_OPTION, simulate=False)
def command(
    config: Config,
    simulate: bool,
    check: bool,
    claude_code: bool,
    model: str | None,
    small_model: str | None,
) -> None:
    """Start the server; log in to GitHub first if needed.

    Every setting can also be given in the environment (--rate-limit as COPILOT_BRIDGE_RATE_LIMIT) or in a
    `.env` file.
    """
    if (model or small_model) and not claude_code:
        raise click.UsageError("--model and --small-model are for --claude-code")
    for library in EXTRAS:
        import_without_extras(library)
    from copilot_bridge.cli.start.startup import start

    start(
        config,
        simulate=simulate,
        check=check,
        claude_code=claude_code,
        model=model,
        small_model=small_model,
    )
