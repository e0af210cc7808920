"""The record of a client, and the parameters of its settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelInfo:
    """A model's id and limits, as clients need them.  Limits are in tokens; None: unknown.

    :param context: prompt and response together.  :param prompt: the prompt alone.
    """

    id: str
    title: str = ""
    context: int | None = None
    prompt: int | None = None
    output: int | None = None

    @property
    def family(self) -> str:
        """The API that supports most of its features: messages, responses or chat."""
        if self.id.startswith("claude"):
            return "messages"
        return "responses" if self.id.startswith("gpt-5") or "codex" in self.id else "chat"


# Used where the catalogue is not available.
FALLBACK_MODELS = {
    model.id: model
    for model in (
        ModelInfo("claude-sonnet-4.6", "Claude Sonnet 4.6", 1_000_000, 936_000, 64_000),
        ModelInfo("claude-haiku-4.5", "Claude Haiku 4.5"),
        ModelInfo("gpt-5.3-codex", "GPT-5.3-Codex", 400_000, 272_000, 128_000),
        ModelInfo("gpt-4.1", "GPT-4.1", 128_000, None, 16_384),
    )
}


@dataclass(frozen=True)
class ClientParams:
    """The values that a client's settings are made of.

    :param root: the bridge's address, without a path.
    :param keyed: the bridge requires a key; otherwise `key` is any text.
    :param plan: the chat models of the plan, for clients that take a list; empty: unknown.
    """

    root: str
    key: str
    keyed: bool
    model: ModelInfo
    small_model: ModelInfo
    plan: tuple[ModelInfo, ...] = ()
    os: str = "linux"

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All models to list, the chosen ones first."""
        return tuple({model.id: model for model in (self.model, self.small_model, *self.plan)}.values())

    def newest(self, prefix: str) -> ModelInfo | None:
        """The newest model of the plan whose id is the prefix and a version."""
        found = [model for model in self.plan if re.fullmatch(rf"{prefix}-[\d.]+", model.id)]
        return max(found, key=lambda model: version_of(model.id), default=None)

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"


def version_of(model: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", model)))


Values = Mapping[str, Any]

Step = tuple[str, Mapping[str, str]]
"""A sentence with placeholders, and their values, so that it can be translated."""


@dataclass(frozen=True)
class FileLocation:
    """The place of a client's settings file.

    :param usual: system -> folder, "" for all others; `~` and `%NAME%` are expanded.
    :param names: candidate file names; the first that exists is used, else the first.
    :param named: (variable, subfolder of the folder that it names); the first that is set wins.
    """

    usual: Mapping[str, str]
    names: tuple[str, ...]
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SettingsFile:
    """A settings file of a client, and the values that go into it.

    :param write: returns None if the file needs no value.
    """

    location: FileLocation
    format: str  # json, toml or yaml
    write: Callable[[ClientParams], Values | list[Values] | None]


@dataclass(frozen=True)
class Client:
    """A client and how it is configured.

    :param dialect: the API that it speaks.  :param v1: whether its base URL ends with /v1.
    :param models: prefixes of model ids, the preferred one first; without a catalogue the first is used.
    :param small_models: the same for small tasks; empty: the client has no such setting.
    :param files: its settings files.  :param variables: all it needs, where the environment is enough.
    :param extra_variables: variables needed besides its files.
    :param setup_command: a command that configures it.
    :param values: (field, value) pairs to fill in where there is no file.
    :param steps: what a person has to do besides, in order.  :param check: a command that shows it works.
    :param conflicts: variables, and dotted paths in its settings, that override what the bridge needs.
    """

    title: str
    about: str
    dialect: str
    v1: bool
    models: tuple[str, ...]
    page: str
    check: Callable[[ClientParams], str]
    small_models: tuple[str, ...] = ()
    files: tuple[SettingsFile, ...] = ()
    variables: Callable[[ClientParams], Mapping[str, str]] = field(default=lambda _params: {})
    extra_variables: Callable[[ClientParams], Mapping[str, str]] = field(default=lambda _params: {})
    setup_command: Callable[[ClientParams], str] = field(default=lambda _params: "")
    values: Callable[[ClientParams], tuple[tuple[str, str], ...]] = field(default=lambda _params: ())
    steps: Callable[[ClientParams], tuple[Step, ...]] = field(default=lambda _params: ())

    conflicts: tuple[str, ...] = ()

    @property
    def writable(self) -> bool:
        return bool(self.files)
