"""The command line: a module for each command, loaded when it is asked for."""

import importlib
import os
import sys

import click

from copilot_bridge import __version__
from copilot_bridge.errors import BridgeError
from copilot_bridge.serving.streams import speak_into_the_void

COMMANDS = {
    "start": "copilot_bridge.cli.start",
    "auth": "copilot_bridge.cli.auth",
    "keys": "copilot_bridge.cli.keys",
    "share-token": "copilot_bridge.cli.shares",
    "gen-share-token": "copilot_bridge.cli.gen_share_token",
    "approvals": "copilot_bridge.cli.approvals",
    "check-usage": "copilot_bridge.cli.usage",
    "rest": "copilot_bridge.cli.rest",
    "store": "copilot_bridge.cli.store",
    "models": "copilot_bridge.cli.models",
    "setup": "copilot_bridge.cli.setup",
    "service": "copilot_bridge.cli.service",
    "doctor": "copilot_bridge.cli.doctor",
    "debug": "copilot_bridge.cli.debug",
}


class Commands(click.Group):
    """Imports a command's module only when that command runs: `--version` waits for nothing."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        module = COMMANDS.get(name)
        return importlib.import_module(module).command if module else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="copilot-bridge")
def cli() -> None:
    """Your own GitHub Copilot subscription, as the APIs that your tools already speak.

    Unofficial: not made, endorsed or supported by GitHub.
    """


def main() -> None:
    """Every failure is one line on stderr and exit code 1; Ctrl-C is 130, a wrong option 2."""
    speak_into_the_void()
    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("\ninterrupted", err=True)
        sys.exit(130)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BridgeError as error:
        click.echo(f"copilot-bridge: {one_line(str(error))}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def one_line(message: str) -> str:
    """Others' words may be in it."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(message.split()))
