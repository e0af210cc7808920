"""`copilot-bridge setup CLIENT`: what a client has to be told, printed or put into its own settings.

What is to be pasted goes to stdout, and nothing else does: `copilot-bridge setup openai-sdk >> ~/.bashrc`
works.  All that explains it goes to stderr.
"""

import os
import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import click

from copilot_bridge.cli.completion import complete_clients, complete_models
from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.setup.files import Change, Notes, read_own, undo, write
from copilot_bridge.cli.terminal.console import (
    is_interactive,
    print_json,
    print_table,
    print_wrapped,
    spinner,
)
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.clients import (
    CLIENTS,
    PLACEHOLDER,
    SHELLS,
    ByHandError,
    Client,
    Instructions,
    ModelInfo,
    PlannedFile,
    System,
    clean_url,
    edit_settings,
    pick_model,
    setup_instructions,
    shell,
)
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import word
from copilot_bridge.errors import BridgeError, ConfigError, LoginRequired, ModelNotFound, UpstreamUnreachable
from copilot_bridge.exchange import Bridge
from copilot_bridge.exchange.keys import make_key
from copilot_bridge.exchange.models import find_auto, named, talkers
from copilot_bridge.redaction import Secret
from copilot_bridge.serving.address import base_url
from copilot_bridge.store.keys import KEY
from copilot_bridge.upstream.bridge_client import ask_models, find_there

PATIENCE = 6.0  # s; whoever only wants to read what to paste does not wait for a network that is not there

MODELS_UNKNOWN = "The models could not be looked up ({}), so these are the usual ones."


@click.command(
    "setup",
    cls=Command,
    examples=("setup", "setup codex", "setup claude-code --write", "setup claude-code --undo"),
)
@click.argument("client", required=False, metavar="[CLIENT]", shell_complete=complete_clients)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model to use.  [default: what fits the client]",
)
@click.option(
    "--small-model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model for small tasks, where the client has such a setting.",
)
@click.option("--url", metavar="URL", help="Address of the bridge.  [default: from --host and --port]")
@click.option("--key", metavar="KEY", help="API key for the bridge.  [default: from --api-key, if any]")
@click.option(
    "--shell",
    "kind",
    metavar="SHELL",
    help=f"Shell syntax for variables: {', '.join(SHELLS)}.  [default: yours]",
)
@click.option("--write", "writes", is_flag=True, help="Change the client's own settings file.")
@click.option("--undo", "undoes", is_flag=True, help="Revert what --write has changed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the list of clients as JSON.")
@takes_settings("host", "port", "api_key", *CONNECTION, *LOGGING)
def command(
    config: Config,
    client: str | None,
    model: str | None,
    small_model: str | None,
    url: str | None,
    key: str | None,
    kind: str | None,
    writes: bool,
    undoes: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Configure a client to use the bridge.

    Prints what to paste; --write changes the client's own settings instead: shows the difference, asks,
    keeps a backup, and leaves alone whatever else is in them.  Without CLIENT: which clients there are.
    """
    if client is None:
        print_clients(as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json is for the list of clients")
    row = find_client(client)
    if writes and undoes:
        raise click.UsageError("--write and --undo exclude each other")
    if undoes:
        take_back(client, config, yes)
        return
    if writes and not row.writable:
        raise ConfigError(
            f"{row.title} has no settings file to write: `copilot-bridge setup {client}` says how"
        )
    bridge = Bridge(config)
    root = clean_url(url) if url else base_url(config.host, config.port)
    secret = pick_key(bridge, client, key, elsewhere=bool(url), writes=writes)
    wishes = ((model, row.models), (small_model, row.small_models or row.models))
    chosen = choose(bridge, root, secret, wishes, elsewhere=bool(url))
    system = this_system(kind)
    main, small = chosen.models
    steps = setup_instructions(client, root, secret, main, small, system)
    if writes:
        put_in(client, steps, config, yes)
    else:
        show(steps, client, system, by_variables=kind is not None and bool(steps.environment))
    for note in chosen.notes:
        say()
        print_wrapped(note, err=True)


def print_clients(*, as_json: bool) -> None:
    rows = [(name, row.title, row.about, where_kept(name)) for name, row in CLIENTS.items()]
    if as_json:
        print_json([dict(zip(("client", "name", "about", "settings"), row, strict=True)) for row in rows])
    else:
        print_table(("CLIENT", "NAME", "ABOUT", "SETTINGS"), rows, optional=("NAME", "SETTINGS"))


def find_client(name: str) -> Client:
    if name not in CLIENTS:
        near = "".join(f"; did you mean {each}?" for each in get_close_matches(name, CLIENTS, n=1))
        raise click.UsageError(f"there is no client {name!r}{near or '; there are ' + ', '.join(CLIENTS)}")
    return CLIENTS[name]


def where_kept(client: str) -> str:
    steps = setup_instructions(client, base_url("127.0.0.1", 1), system=this_system(None))
    return (
        str(shown_path(steps.files[0])) if steps.files else "variables" if steps.lines else "in the program"
    )


def say(words: str = "") -> None:
    click.echo(words, err=True)


# --- what to say


def this_system(kind: str | None) -> System:
    """Raises UsageError: there is no such shell."""
    if kind is not None and kind not in SHELLS:
        raise click.UsageError(f"there is no shell {kind!r}; there are {', '.join(SHELLS)}")
    name = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    return System(name, kind or shell(os.environ, windows=os.name == "nt"), os.environ, str(Path.home()))


def pick_key(bridge: Bridge, client: str, given: str | None, *, elsewhere: bool, writes: bool) -> str:
    """The key to give the client; "" if the bridge asks for none.

    :param elsewhere: the bridge is not the one of these settings.
    :raises ConfigError: it asks for one, and nobody knows it; of the stored ones there are but hashes.
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
        print_wrapped(f"The bridge asks for a key: {where}.", err=True)
        say()
        return "YOUR_KEY"
    if is_interactive() and click.confirm(
        f"The bridge asks for a key.  Make one, named {client}?", default=True
    ):
        return make_key(bridge.store, client, KEY)
    raise ConfigError(f"the bridge asks for a key: {make} makes one; give it with --key")


@dataclass(frozen=True)
class Chosen:
    models: tuple[ModelInfo | str, ...]
    notes: tuple[str, ...] = ()


Wishes = tuple[tuple[str | None, tuple[str, ...]], ...]
"""(the model that was named, those that are usual), for all jobs and for small ones."""


def choose(bridge: Bridge, root: str, key: str, wishes: Wishes, *, elsewhere: bool) -> Chosen:
    """The models: those that were wished for if they exist, else the plan's that fit best.

    :raises ConfigError: the bridge there wants another key.  :raises ModelNotFound:
    """
    for wish, _ in wishes:
        check_name(wish)
    patient = Bridge(replace(bridge.config, connect_timeout=min(3.0, bridge.config.connect_timeout)))

    def ask() -> tuple[ModelInfo | str, ...]:
        nobody = None
        try:
            if not elsewhere:
                return of_plan(patient, wishes)
        except LoginRequired as error:
            nobody = error
        try:  # a simulated bridge may be running without a login
            return of_running(patient, root, key, wishes)
        except UpstreamUnreachable as error:
            raise (nobody or error) from None

    try:
        with spinner("Looking at the models"):
            return Chosen(call_with_timeout(ask, PATIENCE))
    except (ConfigError, ModelNotFound):
        raise
    except BridgeError as error:
        return Chosen(tuple(wish or "" for wish, _ in wishes), (MODELS_UNKNOWN.format(error),))


def check_name(wish: str | None) -> None:
    """Raises ConfigError."""
    try:
        word(wish) if wish is not None else None
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def of_plan(bridge: Bridge, wishes: Wishes) -> tuple[ModelInfo | str, ...]:
    found = {each.id: named(each) for each in talkers(bridge)}
    return tuple(
        named(find_auto(wish) or bridge.models.choose(bridge.copilot(), wish).model)
        if wish
        else found.get(pick_model(list(found), preferred), "")
        for wish, preferred in wishes
    )


def of_running(bridge: Bridge, root: str, key: str, wishes: Wishes) -> tuple[ModelInfo | str, ...]:
    """As the bridge at `root` lists them."""
    ids = ask_models(bridge.client, root, key)
    return tuple(
        find_there(bridge.client, root, key, wish) if wish else pick_model(ids, preferred)
        for wish, preferred in wishes
    )


# --- printing


def show(steps: Instructions, client: str, system: System, *, by_variables: bool) -> None:
    """What is to be pasted goes to stdout, file by file or as lines for a shell."""
    say(f"{steps.client.title}, with {steps.model.id} at {steps.base_url}")
    files = () if by_variables else steps.files
    for each in files:
        say(f"\nIn {shown_path(each)}:\n")
        click.echo(each.content, nl=False)
    if lines := steps.environment if by_variables else steps.lines:
        lasting = SHELLS[system.shell].lasting
        say(f"\n{'Besides, in' if files else 'In'} your shell (for good: in {lasting}):\n")
        click.echo(lines, err=bool(files))
    say_steps(steps)
    if steps.values:
        say()
        wide = max(len(name) for name, _ in steps.values)
        click.echo("\n".join(f"{name:<{wide}}  {value}" for name, value in steps.values))
    if steps.command:
        say(f"\n    {steps.command}")
    say(f"\nCheck it:  {steps.check}")
    if steps.client.writable:
        print_wrapped(f"`copilot-bridge setup {client} --write` puts it into your settings.", err=True)
    say(f"What else to know:  {steps.client.page}")


def say_steps(steps: Instructions) -> None:
    if steps.by_hand:
        say()
    for number, step in enumerate(steps.by_hand, 1):
        print_wrapped(step, f"{number}. " if len(steps.by_hand) > 1 else "", err=True)


def shown_path(settings: PlannedFile) -> Path:
    return next((path for path in map(Path, settings.paths) if path.exists()), Path(settings.paths[0]))


# --- writing


def put_in(client: str, steps: Instructions, config: Config, yes: bool) -> None:
    changes = [change_of(each) for each in steps.files]
    todo = [each for each in changes if not each.nothing]
    if not todo:
        paths = ", ".join(str(each.path) for each in changes)
        print_wrapped(f"There is nothing to change: {paths} says it already.", err=True)
    else:
        for change in todo:
            click.echo(change.diff(steps.key), nl=False)
        ask(f"Write {' and '.join(str(each.path) for each in todo)}?", yes)
        for backup in write(client, todo, Notes(config.home)):
            print_wrapped(f"What it was before is in {backup}.", err=True)
        say(f"Written.  `copilot-bridge setup {client} --undo` takes it back.")
    say_steps(steps)
    if steps.lines:
        say(f"\nBesides, in your shell:\n\n{masked(steps)}")
    say(f"\nCheck it:  {steps.check}")


def masked(steps: Instructions) -> str:
    """A log may be reading; whoever gave the key knows it."""
    secret = steps.key != PLACEHOLDER and not sys.stderr.isatty()
    return steps.lines.replace(steps.key, Secret(steps.key).masked()) if secret else steps.lines


def change_of(settings: PlannedFile) -> Change:
    """Raises ConfigError: what is there can't be read, or only be changed by hand."""
    path = shown_path(settings)
    before = read_own(path)
    try:
        after = edit_settings((before or b"").decode(), settings.format, settings.wanted)
    except ByHandError as error:
        say(f"This is to be in {path}:\n\n{settings.content}")
        raise ConfigError(f"{path}: {error}; add the lines above by hand, nothing was changed") from error
    except ConfigError as error:
        raise ConfigError(f"{path} is broken ({error}): mend it first, nothing was changed") from error
    return Change(path, before, after.encode())


def ask(question: str, yes: bool) -> None:
    """Raises ConfigError: nobody is there to answer; Abort: the answer is no."""
    if yes:
        return
    if not is_interactive():
        raise ConfigError("nobody is there to be asked: say --yes; nothing was changed")
    click.confirm(question, default=True, abort=True)


def take_back(client: str, config: Config, yes: bool) -> None:
    def confirm(path: Path) -> bool:
        if yes or not is_interactive():
            return yes
        return click.confirm(f"{path} has been changed since.  Put back what it was all the same?")

    for path in undo(client, Notes(config.home), confirm):
        say(f"{path} is as it was.")
