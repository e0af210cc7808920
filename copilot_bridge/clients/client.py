"""What there is to know of a client, and what its user wishes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Named:
    """A model, as far as clients have to be told of it.  Limits are in tokens, None where nobody knows.

    :param context: question and answer together.  :param prompt: the question alone.
    """

    id: str
    title: str = ""
    context: int | None = None
    prompt: int | None = None
    output: int | None = None

    @property
    def family(self) -> str:
        """The API that carries most of what it can do: messages, responses or chat."""
        if self.id.startswith("claude"):
            return "messages"
        return "responses" if self.id.startswith("gpt-5") or "codex" in self.id else "chat"


# Where nobody could be asked.
KNOWN = {
    each.id: each
    for each in (
        Named("claude-sonnet-4.6", "Claude Sonnet 4.6", 1_000_000, 936_000, 64_000),
        Named("claude-haiku-4.5", "Claude Haiku 4.5"),
        Named("gpt-5.3-codex", "GPT-5.3-Codex", 400_000, 272_000, 128_000),
        Named("gpt-4.1", "GPT-4.1", 128_000, None, 16_384),
    )
}


@dataclass(frozen=True)
class Wish:
    """What the settings are to say.

    :param root: the bridge's address, without a path.  :param key: any text will do if not `keyed`.
    """

    root: str
    key: str
    keyed: bool
    model: Named
    small: Named

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"


Values = Mapping[str, Any]

Step = tuple[str, Mapping[str, str]]
"""A sentence, and what stands for the names in it: so it can be said in other languages."""


@dataclass(frozen=True)
class Place:
    """Where a client has its settings.

    :param usual: system -> folder, "" for all others; `~` and `%NAME%` are filled in.
    :param named: (variable, folder below the one that it names); the first that is set counts.
    :param names: of the file; the first that is there, or the first.
    """

    usual: Mapping[str, str]
    names: tuple[str, ...]
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Own:
    """A settings file of a client's own, and what has to stand in it.

    :param write: None where nothing has to.
    """

    place: Place
    format: str  # json, toml or yaml
    write: Callable[[Wish], Values | list[Values] | None]


@dataclass(frozen=True)
class Client:
    """:param dialect: the API that it speaks.  :param v1: whether its base URL ends with /v1.
    :param models: the first of the plan's that begins like this is proposed; without a plan the very first.
    :param small: the same for small jobs; none: it has no such setting.
    :param files: its settings.  :param variables: all that it needs, where the environment is enough.
    :param beside: variables that are needed besides its files.  :param once: a command that sets it up.
    :param values: what is to be filled in where there is no file: (field, value).
    :param steps: what a person has to do besides, in order.  :param check: shows that it works.
    """

    title: str
    about: str
    dialect: str
    v1: bool
    models: tuple[str, ...]
    page: str
    check: Callable[[Wish], str]
    small: tuple[str, ...] = ()
    files: tuple[Own, ...] = ()
    variables: Callable[[Wish], Mapping[str, str]] = field(default=lambda _wish: {})
    beside: Callable[[Wish], Mapping[str, str]] = field(default=lambda _wish: {})
    once: Callable[[Wish], str] = field(default=lambda _wish: "")
    values: Callable[[Wish], tuple[tuple[str, str], ...]] = field(default=lambda _wish: ())
    steps: Callable[[Wish], tuple[Step, ...]] = field(default=lambda _wish: ())

    @property
    def writable(self) -> bool:
        return bool(self.files)
