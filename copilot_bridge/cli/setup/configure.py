"""Configures a client: chooses the key and the models, then prints or writes the settings."""

from dataclasses import dataclass

import click

from copilot_bridge.admin.keys import make_key
from copilot_bridge.cli.setup.conflicts import conflicts
from copilot_bridge.cli.setup.models import ModelChoice, choose_models
from copilot_bridge.cli.setup.output import say, show
from copilot_bridge.cli.setup.writing import write_settings
from copilot_bridge.cli.terminal.console import is_interactive, print_wrapped
from copilot_bridge.clients import CLIENTS, System, clean_url, setup_instructions
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import word
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.serving.address import base_url
from copilot_bridge.store.keys import KEY


@dataclass(frozen=True)
class SetupOptions:
    """The options that the user gave; None: not given.

    :param by_variables: as lines for a shell, where the client can do without a file.
    """

    client: str
    model: str | None
    small_model: str | None
    url: str | None
    key: str | None
    system: System
    by_variables: bool


def configure(config: Config, request: SetupOptions, *, writes: bool, yes: bool) -> None:
    """Print the settings, or write them.  Raises ConfigError, ModelNotFound."""
    bridge, client, row = Bridge(config), request.client, CLIENTS[request.client]
    elsewhere = request.url is not None
    root = clean_url(request.url) if request.url else base_url(config.host, config.port)
    secret = pick_key(bridge, client, request.key, elsewhere=elsewhere, writes=writes)
    main = ModelChoice(request.model, row.models)
    small = ModelChoice(request.small_model, row.small_models or row.models)
    chosen = choose_models(bridge, root, secret, main, small, elsewhere=elsewhere)
    steps = setup_instructions(client, root, secret, chosen.main, chosen.small, request.system, chosen.plan)
    if writes:
        write_settings(client, steps, config, yes)
    else:
        show(steps, client, request.system, by_variables=request.by_variables and bool(steps.environment))
    for note in (*conflicts(steps), *filter(None, [chosen.note])):
        say()
        print_wrapped(note, err=True)


def pick_key(bridge: Bridge, client: str, given: str | None, *, elsewhere: bool, writes: bool) -> str:
    """The key for the client; "" if the bridge requires none.

    :param elsewhere: the bridge is not the one of these settings.
    :raises ConfigError: it requires one, and none is given; the store has only hashes of keys.
    """
    if given is not None:
        try:
            return word(given)
        except ValueError as error:
            raise ConfigError(f"key: {error}") from error
    if bridge.config.api_key:
        return bridge.config.api_key[0].reveal()
    if elsewhere or not bridge.authenticator.requires_key:
        return ""
    make = f"`copilot-bridge keys add {client}`"
    if not writes:
        where = f"put it in place of YOUR_KEY ({make} makes one), or give it with --key"
        print_wrapped(f"The bridge requires a key: {where}.", err=True)
        say()
        return "YOUR_KEY"
    if is_interactive() and click.confirm(
        f"The bridge requires a key.  Make one, named {client}?", default=True
    ):
        return make_key(bridge.store, client, KEY)
    raise ConfigError(f"the bridge requires a key: {make} makes one; give it with --key")
