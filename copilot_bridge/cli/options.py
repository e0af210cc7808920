"""Options made of the settings table: what `Config` declares is what a command takes."""

import functools
from collections.abc import Callable
from dataclasses import MISSING
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from copilot_bridge.cli.terminal.help import Option
from copilot_bridge.config import Config, load_config
from copilot_bridge.config.settings import BY_NAME
from copilot_bridge.config.settings import spell as in_words
from copilot_bridge.errors import ConfigError, LoginRequired
from copilot_bridge.logs.setup import set_up_logging

STORE = ("home", "store_path")
NETWORK = ("proxy", "proxy_env")
GITHUB = ("github_token", "account_type", "enterprise_url", *NETWORK)
CONNECTION = ("home", "persist", "store_path", *GITHUB)
TOKENS = ("show_token",)
LOGGING = ("log_level", "debug")
JOURNAL = ("log_days",)
SERVING = (
    "host",
    "port",
    "ollama_port",
    "workers",
    "server",
    "graceful_timeout",
    "model_mapping",
    "auto_tier",
    "log_file",
)
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
    "budget_webhook",
    "budget_command",
    "fallback",
)
WEB = ("web_search", "web_fetch")
TRANSPORT = ("connect_ahead", "upstream_websocket", "upstream_websocket_compression", "client_websocket")

Command = Callable[..., None]
Decorator = Callable[[Command], Command]

# section of the help -> the settings in it
SECTIONS = {
    "Server": SERVING,
    "Access": ACCESS,
    "Rate limits and approval": PACE,
    "Search": WEB,
    "Connections": TRANSPORT,
    "Request log": JOURNAL,
    "Data directory": ("home", "persist", "store_path"),
    "GitHub and network": GITHUB,
    "Logging": (*LOGGING, *TOKENS),
}
EVERY_OPTION = tuple(name for names in SECTIONS.values() for name in names)
SECTION_OF = {name: title for title, names in SECTIONS.items() for name in names}


def takes_settings(*names: str, unless: Command | None = None, simulate: bool = True) -> Decorator:
    """Give the command a `config` made of these options, the environment and the `.env` file.

    :param unless: called instead, with the ConfigError, if the settings are invalid.
    :param simulate: it also takes --simulate, and then works on the demo.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def wrapper(**given: Any) -> None:
            if reject_misplaced():
                return None
            try:
                config = config_of(given, names, simulate=simulate)
            except ConfigError as error:
                if unless is None:
                    raise
                return unless(error, **given)
            try:
                return function(config, **given)
            except LoginRequired as error:
                from copilot_bridge.cli.hints import with_hint  # which only this error needs

                raise with_hint(error, config) from error

        command: Command = wrapper
        usual = [verbose_option, env_file_option, *([simulate_option] if simulate else [])]
        for option in [*usual, *map(option_of, reversed(names))]:
            command = option(command)
        return command

    return decorate


def reject_misplaced() -> bool:
    """Return whether a subcommand of this group runs next, with options of its own.

    :raises UsageError: an option was given to the group, where it would do nothing.
    """
    context = click.get_current_context()
    if not isinstance(context.command, click.Group) or context.invoked_subcommand is None:
        return False
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
            after = f"{context.command_path} {context.invoked_subcommand}"
            raise click.UsageError(f"{parameter.opts[0]} belongs after `{after}`")
    return True


def config_of(given: dict[str, Any], names: tuple[str, ...], *, simulate: bool) -> Config:
    """Load the settings, and remove their options from `given`.  Raises ConfigError."""
    flags = {name: spell(value) for name in names if (value := given.pop(name)) not in (None, ())}
    if given.pop("verbose"):
        flags.setdefault("log_level", "debug")
    demo = simulate and given.pop("simulate")
    config = load_config(flags, env_file=given.pop("env_file"))
    level = "warning" if config.log_level == "info" else config.log_level
    set_up_logging(level, debug=config.debug, plain=True)
    if not demo:
        return config
    from copilot_bridge.cli.demo import join_demo  # which only a demo needs

    return join_demo(config, asks_copilot="github_token" in names)


def spell(value: object) -> str:
    if isinstance(value, tuple):  # an option that may be repeated
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_of(name: str) -> Decorator:
    """The option for a setting.  Its value stays text: `Config` validates settings from all sources alike."""
    setting = BY_NAME[name]
    flags: tuple[str, ...] = setting.metadata["flags"]
    return click.option(
        *flags,
        name,
        cls=Option,
        section=SECTION_OF[name],
        default=None,
        help=sentence(setting.metadata["about"]) + default_note(setting.default),
        **kind_of(setting),
    )


def kind_of(setting: Any) -> dict[str, Any]:
    if isinstance(setting.default, tuple):
        return {"multiple": True, "metavar": "TEXT"}
    if isinstance(setting.default, bool):
        return {"is_flag": True}
    kinds = {setting.type, *get_args(setting.type)}
    return {"metavar": next((METAVARS[kind] for kind in METAVARS if kind in kinds), "TEXT")}


# The name of an option's value in the help.
METAVARS: dict[Any, str] = {int: "NUMBER", float: "SECONDS", Path: "PATH"}


def default_note(default: object) -> str:
    """Empty where there is no default; a flag is off unless its help says otherwise."""
    if default is False or default in (None, MISSING, ()):
        return ""
    words = f"{default:g}" if isinstance(default, float) else in_words(default)
    return f"  [default: {words}]" if words else ""


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


env_file_option: Decorator = click.option(
    "--env-file",
    cls=Option,
    section="Logging",
    type=click.Path(path_type=Path),
    help="File with settings, NAME=value.  [default: .env in the working directory]",
)
verbose_option: Decorator = click.option(
    "-v", "--verbose", cls=Option, section="Logging", is_flag=True, help="The same as --log-level debug."
)
simulate_option: Decorator = click.option(
    "--simulate",
    cls=Option,
    section="Data directory",
    is_flag=True,
    help="Work on the demo (`start --simulate`): its store, its accounts.",
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
