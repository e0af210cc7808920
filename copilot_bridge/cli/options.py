"""Options out of the settings table: what `Config` declares is what a command takes."""

import functools
from collections.abc import Callable
from dataclasses import MISSING
from pathlib import Path
from typing import Any, get_args

import click

from copilot_bridge.config import load_config
from copilot_bridge.config.settings import BY_NAME, variable
from copilot_bridge.config.settings import spell as in_words
from copilot_bridge.errors import ConfigError
from copilot_bridge.logs.setup import set_up_logging

CONNECTION = (
    "home",
    "persist",
    "store_path",
    "github_token",
    "account_type",
    "enterprise_url",
    "proxy",
    "proxy_env",
    "show_token",
)
LOGGING = ("log_level", "debug")
JOURNAL = ("log_days",)
SERVING = ("host", "port", "workers", "server", "graceful_timeout", "model_mapping", "auto_tier", "log_file")
ACCESS = (
    "api_key",
    "share_token",
    "allow_github_tokens",
    "insecure_no_key",
    "make_key",
    "allowed_host",
    "cors_origin",
    "trusted_proxy",
)
PACE = (
    "rate_limit",
    "queue_requests",
    "max_concurrent",
    "max_waiting",
    "require_approval",
    "approval_timeout",
)


Command = Callable[..., None]
Decorator = Callable[[Command], Command]


def takes_settings(*names: str, unless: Command | None = None) -> Decorator:
    """The command gets a `config` made of these options, the environment and the `.env` file.

    :param unless: called in its place, with the ConfigError, if there can't be one.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def wrapper(env_file: Path | None, verbose: bool, **given: Any) -> None:
            flags = {name: spell(given.pop(name)) for name in names if given[name] not in (None, ())}
            rest = {name: value for name, value in given.items() if name not in names}
            if verbose:
                flags.setdefault("log_level", "debug")
            try:
                config = load_config(flags, env_file=env_file)
            except ConfigError as error:
                if unless is None:
                    raise
                return unless(error, **rest)
            set_up_logging(
                "warning" if config.log_level == "info" else config.log_level, debug=config.debug, plain=True
            )
            return function(config, **rest)

        command: Command = wrapper
        for each in [verbose_option, env_file_option, *map(option_of, reversed(names))]:
            command = each(command)
        return command

    return decorate


def spell(value: object) -> str:
    if isinstance(value, tuple):  # an option that may be repeated
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_of(name: str) -> Decorator:
    """Values stay text here: `Config` judges them all alike, wherever they come from."""
    setting = BY_NAME[name]
    flags: tuple[str, ...] = setting.metadata["flags"]
    about = f"{sentence(setting.metadata['about'])}  [{variable(name)}{told_default(setting.default)}]"
    if isinstance(setting.default, tuple):
        return click.option(*flags, name, multiple=True, metavar="TEXT", help=about)
    if setting.default is True or setting.default is False:
        return click.option(*flags, name, is_flag=True, default=None, help=about)
    kinds = {setting.type, *get_args(setting.type)}
    metavar = next((METAVARS[each] for each in METAVARS if each in kinds), "TEXT")
    return click.option(*flags, name, default=None, metavar=metavar, help=about)


# What an option's value is called in the help.
METAVARS: dict[Any, str] = {int: "NUMBER", float: "SECONDS", Path: "PATH"}


def told_default(default: object) -> str:
    """Empty where there is none; a flag is off if nothing else is said."""
    if default is False or default in (None, MISSING, ()):
        return ""
    return f"; default: {default:g}" if isinstance(default, float) else f"; default: {in_words(default)}"


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


env_file_option: Decorator = click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    help="File with settings, NAME=value.  [.env in the working directory, if there]",
)
verbose_option: Decorator = click.option(
    "-v", "--verbose", is_flag=True, help="The same as --log-level debug."
)
