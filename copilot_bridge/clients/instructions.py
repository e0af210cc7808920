"""Turns a client's row into what a person pastes on their system and in their shell."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from copilot_bridge.clients.client import (
    FALLBACK_MODELS,
    Client,
    ClientParams,
    FileLocation,
    ModelInfo,
    SettingsFile,
    Step,
    Values,
    version_of,
)
from copilot_bridge.clients.merging import edit_settings
from copilot_bridge.clients.registry import CLIENTS
from copilot_bridge.clients.shells import SHELLS
from copilot_bridge.errors import ConfigError

PLACEHOLDER = "anything"  # the key for clients that require one, where the bridge does not
SYSTEMS = ("linux", "macos", "windows")


@dataclass(frozen=True)
class System:
    """The user's system.

    :param environ: what the client would see.  :param home: "" where nobody knows; then `~` stays.
    """

    os: str = "linux"
    shell: str = "bash"
    environ: Mapping[str, str] = field(default_factory=dict)
    home: str = ""


@dataclass(frozen=True)
class PlannedFile:
    """A settings file, and what has to be in it.

    :param paths: the first that is there is the one, else the first.
    :param content: of a new file.  :param wanted: what is merged into one that is there.
    """

    paths: tuple[str, ...]
    format: str
    content: str
    wanted: Values | list[Values]


@dataclass(frozen=True)
class Instructions:
    """The steps that a person takes to use the bridge with a client.

    :param base_url: as this client wants it.
    :param files: its settings.
    :param variables: all that is needed, where the environment is enough without any file.
    :param lines: set what is needed besides the files, in the words of the shell; all of it without files.
    :param environment: set the variables.
    :param command: sets it up; "" if there is none.
    :param values: what to fill in: (field, value).  :param steps: what else to do, in order.
    :param check: a command that shows that it works.
    """

    client: Client
    base_url: str
    key: str
    model: ModelInfo
    files: tuple[PlannedFile, ...]
    variables: Mapping[str, str]
    lines: str
    environment: str
    command: str
    values: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    check: str

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The steps in English."""
        return tuple(sentence % values for sentence, values in self.steps)


def setup_instructions(
    client: str,
    base_url: str,
    key: str = "",
    model: ModelInfo | str = "",
    small_model: ModelInfo | str = "",
    system: System | None = None,
    plan: tuple[ModelInfo, ...] = (),
) -> Instructions:
    """The steps that a person takes to use the bridge with the client.

    :param client: a key of CLIENTS.  :param base_url: of the bridge, with or without /v1.
    :param key: "": the bridge asks for none.  :param model: "": the usual one.
    :param plan: all chat models, where they are known.
    :raises ConfigError: there is no such client, or the address is none.
    """
    system, row = system or System(), find_client(client)
    main, small = models_of(row, model, small_model)
    root = clean_url(base_url)
    params = ClientParams(root, key or PLACEHOLDER, bool(key), main, small, plan, system.os)
    variables, say = row.variables(params), SHELLS[system.shell].lines
    return Instructions(
        client=row,
        base_url=params.v1 if row.v1 else params.root,
        key=params.key,
        model=main,
        files=planned_files(row, params, system),
        variables=variables,
        lines=say(row.extra_variables(params) if row.files else variables),
        environment=say(variables),
        command=row.setup_command(params),
        values=row.values(params),
        steps=row.steps(params),
        check=row.check(params),
    )


def find_client(name: str) -> Client:
    """Return the row of a client.  Raises ConfigError: there is none of that name."""
    row = CLIENTS.get(name)
    if row is None:
        raise ConfigError(f"there is no client {name!r}: {', '.join(CLIENTS)}")
    return row


def model_info(model: ModelInfo | str) -> ModelInfo:
    return FALLBACK_MODELS.get(model, ModelInfo(model)) if isinstance(model, str) else model


def models_of(
    row: Client, model: ModelInfo | str, small_model: ModelInfo | str
) -> tuple[ModelInfo, ModelInfo]:
    """Return the main model and the small one: those that were chosen, else the client's usual ones."""
    main = model_info(model or row.models[0])
    return main, model_info(small_model or (row.small_models[0] if row.small_models else main))


def planned_files(row: Client, params: ClientParams, system: System) -> tuple[PlannedFile, ...]:
    files = (planned_file(settings_file, params, system) for settings_file in row.files)
    return tuple(file for file in files if file)


def planned_file(settings_file: SettingsFile, params: ClientParams, system: System) -> PlannedFile | None:
    wanted = settings_file.write(params)
    if wanted is None:
        return None
    return PlannedFile(
        where(settings_file.location, system),
        settings_file.format,
        edit_settings("", settings_file.format, wanted),
        wanted,
    )


def where(location: FileLocation, system: System) -> tuple[str, ...]:
    """The candidate paths of the settings file, as the system spells them."""
    named = ((system.environ.get(name, ""), below) for name, below in location.named)
    base, below = next(((base, below) for base, below in named if base), ("", ""))
    folder = f"{base}/{below}" if base else location.usual.get(system.os, location.usual[""])
    folder = expanded(folder.rstrip("/"), system)
    paths = (f"{folder}/{name}" for name in location.names)
    return tuple(path.replace("/", "\\") if system.os == "windows" else path for path in paths)


def expanded(folder: str, system: System) -> str:
    home = system.home or ("%USERPROFILE%" if system.os == "windows" else "~")
    folder = re.sub(r"^~(?=/|$)", lambda _: home, folder)
    return re.sub(r"%(\w+)%", lambda match: system.environ.get(match[1], match[0]), folder)


def clean_url(url: str) -> str:
    """The bridge's address without /v1.  Raises ConfigError: it is no address."""
    root = url.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    if not ADDRESS.fullmatch(root):
        raise ConfigError(f"{url!r} is no address of a bridge: expected one like http://127.0.0.1:4141")
    return root


# Characters that no shell and no settings file reads as anything else.
ADDRESS = re.compile(r"https?://[a-z0-9_.:\[\]-]+(?:/[a-z0-9_./~-]*)?", re.IGNORECASE)


def pick_model(models: Sequence[str], preferred: Sequence[str]) -> str:
    """The first preferred model, or the newest that begins like it; "" if there are no models."""
    newest = sorted(models, key=lambda model: (version_of(model), model), reverse=True)
    fitting = (model for start in preferred for model in (start, *newest) if model.startswith(start))
    return next((model for model in fitting if model in models), models[0] if models else "")
