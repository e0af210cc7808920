"""The command line: a module for each command, imported when the command runs."""

import gc
import importlib
import os
import sys
from difflib import get_close_matches

import click

from copilot_bridge import __version__
from copilot_bridge.cli.terminal.console import print_wrapped, wrapped
from copilot_bridge.cli.terminal.help import Group, HelpFormatter
from copilot_bridge.errors import BridgeError
from copilot_bridge.serving.standard_streams import ensure_standard_streams

PACKAGE = "copilot_bridge.cli"

# section of the help -> command -> (module, description)
SECTIONS = {
    "Serve": {
        "start": ("start.command", "Start the server; log in to GitHub first if needed."),
        "setup": ("setup.command", "Configure a client to use the bridge."),
        "ask": ("ask", "Send a prompt to the running bridge and print the response."),
        "service": ("service.command", "Run the bridge as a service of this system."),
    },
    "Accounts and access": {
        "auth": ("auth", "Log in to GitHub, and manage the stored logins."),
        "keys": ("keys", "Create, list and revoke API keys."),
        "share-token": ("shares", "Create, list and revoke share tokens."),
        "gen-share-token": ("gen_share_token", "Print a random share token; nothing is stored."),
        "budget": ("budgets", "Set, list and clear budgets."),
        "approvals": ("approvals", "Approve or deny the requests that are waiting."),
    },
    "Copilot": {
        "models": ("models", "List the models of your plan."),
        "usage": ("spending", "Show what was used, and by whom."),
        "estimate": ("estimate", "Estimate what a prompt would cost, without sending it."),
        "check-usage": ("usage", "Show your plan's remaining quotas."),
        "cooldowns": ("cooldowns", "List the models and paths that are paused after a refusal."),
    },
    "Maintenance": {
        "doctor": ("doctor.command", "Check the installation, and suggest fixes."),
        "debug": ("debug", "Print what a bug report needs, without secrets."),
        "store": ("store", "Check, back up and restore the store."),
        "completion": ("completion", "Print the code that completes commands in a shell."),
    },
}
COMMANDS = {name: f"{PACKAGE}.{module}" for rows in SECTIONS.values() for name, (module, _) in rows.items()}

# Words that people type -> the commands that they mean, where the spelling is no hint.
SYNONYMS = {
    "accounts": "auth list",
    "approve": "approvals approve",
    "budgets": "budget list",
    "clients": "setup",
    "demo": "start --simulate",
    "deny": "approvals deny",
    "config": "debug",
    "chat": "ask",
    "help": "--help",
    "login": "auth login",
    "logins": "auth list",
    "logout": "auth remove",
    "logs": "service logs",
    "quota": "check-usage",
    "pauses": "cooldowns",
    "rest": "cooldowns",
    "restart": "service restart",
    "run": "start",
    "serve": "start",
    "simulate": "start --simulate",
    "status": "service status",
    "stop": "service stop",
    "token": "auth token",
    "costs": "usage",
    "spending": "usage",
    "version": "--version",
}


class Commands(Group):
    """Imports a command's module only when that command runs: `--help` and `--version` are quick."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        module = COMMANDS.get(name)
        return importlib.import_module(module).command if module else None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        wide = max(map(len, COMMANDS))
        for section, rows in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(wide), about) for name, (_, about) in rows.items()])

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = SYNONYMS.get(name) or next(iter(get_close_matches(name, COMMANDS, n=1)), None)
            context.fail(
                f"No such command {name!r}.{f' Did you mean `copilot-bridge {near}`?' if near else ''}"
            )
        return super().resolve_command(context, arguments)


ERROR_PREFIX = "Error: "  # the prefix of click's messages
# Objects that are made before the garbage collector runs: a command is short, and what it imports stays.
COLLECTED_AFTER = 100_000
COMPLETION = "_COPILOT_BRIDGE_COMPLETE"  # is set by the code that `completion` prints

click.Context.formatter_class = HelpFormatter


@click.group(
    cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, "-V", "--version", prog_name="copilot-bridge")
@click.pass_context
def cli(context: click.Context) -> None:
    """Your own GitHub Copilot subscription, as the APIs that your tools already speak.

    Unofficial: not made, endorsed or supported by GitHub.
    """
    if context.invoked_subcommand is None:
        from copilot_bridge.cli.next_steps import print_next_steps  # here, as no command needs it

        print_next_steps()


def main() -> None:
    """Run the command line.

    A failure is reported in one line on stderr, with exit code 1; Ctrl-C is 130, wrong usage 2.
    """
    ensure_standard_streams()
    gc.set_threshold(COLLECTED_AFTER)
    if COMPLETION in os.environ:
        from copilot_bridge.cli.completion import register

        register()
    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("\ninterrupted", err=True)
        sys.exit(130)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        show_error(error)
        sys.exit(error.exit_code)
    except BridgeError as error:
        print_wrapped(f"copilot-bridge: {one_line(str(error))}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def show_error(error: click.ClickException) -> None:
    """Show an error of the command line itself: wrong usage, above all."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
    elif isinstance(error, click.UsageError):
        message = wrapped(error.format_message(), ERROR_PREFIX, err=True).removeprefix(ERROR_PREFIX)
        click.UsageError(message, error.ctx).show()
    else:
        error.show()


def one_line(message: str) -> str:
    """The message on one line; others' words in it can't control the terminal."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(message.split()))
