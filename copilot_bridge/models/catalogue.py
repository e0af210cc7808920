"""The catalogue: the models that an account has, and what each of them can do."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from copilot_bridge.billing.prices import Prices, amount, mapping, read_prices
from copilot_bridge.models.aliases import (
    DEFAULT_ALIASES,
    LONG_CONTEXT,
    Aliases,
    newest,
    spellings,
    wants_long_context,
)
from copilot_bridge.models.profiles import ModelProfile, profile_of, with_catalogue

# Copilot's endpoints of conversations -> their dialects.  The records of the dialects are not asked: that
# would import all of them, and `start` only has to name the models.
CONVERSATIONS = {"/chat/completions": "chat", "/v1/messages": "messages", "/responses": "responses"}
# Older models do not list their endpoints.
DIALECTS_BY_TYPE = {"chat": ("chat",), "embeddings": ("embeddings",), "completion": ("completions",)}

WEBSOCKET = "ws:/responses"  # among the endpoints of a model

MAX_NAME_LENGTH = 200
OUTDATED_CLIENT = "client_version_deprecated"  # a notice in each row


class Model(Struct, frozen=True, dict=True):
    """One row of the catalogue.  Limits are None where Copilot names none.

    :param dialects: the APIs through which Copilot offers it: chat, responses, messages, embeddings.
    :param websocket: whether Copilot offers Responses with it over a WebSocket, too.
    :param headers: to be sent with requests to this model.
    :param probed: fields of its profile that were found by probing it.
    """

    id: str
    name: str
    vendor: str
    version: str
    type: str
    dialects: tuple[str, ...]
    enabled: bool
    context: int | None
    max_output_tokens: int | None
    max_unstreamed_tokens: int | None
    max_prompt_tokens: int | None
    max_inputs: int | None
    supports: Mapping[str, Any]
    vision: Mapping[str, Any]
    websocket: bool
    family: str
    multiplier: float | None
    prices: Prices | None
    headers: Mapping[str, str]
    row: Mapping[str, Any]
    probed: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Model":
        """Read a row of the catalogue; a field of the wrong type counts as missing."""
        capabilities = mapping(row.get("capabilities"))
        limits = mapping(capabilities.get("limits"))
        kind = str(capabilities.get("type") or "chat")
        id_, vendor = str(row["id"]), str(row.get("vendor") or "github-copilot")
        supports, vision = mapping(capabilities.get("supports")), mapping(limits.get("vision"))
        return cls(
            id=id_,
            name=str(row.get("name") or row["id"]),
            vendor=vendor,
            version=str(row.get("version") or ""),
            type=kind,
            dialects=read_dialects(row.get("supported_endpoints"), kind),
            enabled=mapping(row.get("policy")).get("state", "enabled") == "enabled",
            context=number(limits.get("max_context_window_tokens")),
            max_output_tokens=number(limits.get("max_output_tokens")),
            max_unstreamed_tokens=number(limits.get("max_non_streaming_output_tokens")),
            max_prompt_tokens=number(limits.get("max_prompt_tokens")),
            max_inputs=number(limits.get("max_inputs")),
            supports=supports,
            vision=vision,
            websocket=WEBSOCKET in listed(row.get("supported_endpoints")),
            family=str(capabilities.get("family") or ""),
            multiplier=amount(mapping(row.get("billing")).get("multiplier")),
            prices=read_prices(row),
            headers={str(name): str(value) for name, value in mapping(row.get("request_headers")).items()},
            row=row,
        )

    @cached_property
    def profile(self) -> ModelProfile:
        """The other known facts about it, which a start needs for no model."""
        known = profile_of(self.id, self.family, self.vendor)
        return replace(with_catalogue(known, self.supports, self.vision, self.context), **self.probed)

    @property
    def holds_conversations(self) -> bool:
        """Tell whether it can be used for conversations, in whichever of Copilot's APIs."""
        return self.enabled and not set(CONVERSATIONS.values()).isdisjoint(self.dialects)

    @property
    def auto_discount(self) -> float | None:
        """The part of the price that is taken off if Copilot picks the model; None: not known."""
        return amount(mapping(self.row.get("billing")).get("auto_discount"))

    @property
    def created(self) -> int:
        """The date in its version in unix seconds, 0 if there is none: Copilot gives no other date."""
        date = re.search(r"20\d\d-\d\d-\d\d", self.version)
        try:
            return int(datetime.fromisoformat(f"{date[0]}T00:00:00Z").timestamp()) if date else 0
        except ValueError:
            return 0


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def shared_start(one: str, other: str) -> int:
    """The number of leading characters that two names share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_dialects(endpoints: object, kind: str) -> tuple[str, ...]:
    """The dialects of the listed endpoints.  A missing list means chat (or embeddings) only."""
    if not isinstance(endpoints, list):
        return DIALECTS_BY_TYPE.get(kind, ())
    known = (CONVERSATIONS.get(endpoint) for endpoint in endpoints if isinstance(endpoint, str))
    found = tuple(dict.fromkeys(dialect for dialect in known if dialect))
    return found or (DIALECTS_BY_TYPE.get(kind, ()) if "/embeddings" in endpoints else ())


class Catalogue(Struct, frozen=True, dict=True):
    """The models by id, fetched at `at` (unix seconds) from `api`."""

    models: dict[str, Model]
    at: float
    api: str

    @cached_property
    def outdated(self) -> str:
        """Copilot's notice that the client as which the bridge presents itself is outdated; else ""."""
        rows = (listed(model.row.get("warning_messages")) for model in self.models.values())
        notices = (notice for row in rows for notice in row if isinstance(notice, dict))
        return next(
            (str(notice.get("message")) for notice in notices if notice.get("code") == OUTDATED_CLIENT), ""
        )

    @property
    def auto_discount(self) -> float:
        """The largest part of a price that is taken off if Copilot picks the model."""
        return max((model.auto_discount or 0.0 for model in self.models.values()), default=0.0)

    @cached_property
    def rendered(self) -> dict[object, bytes]:
        """A cache of renderings of the catalogue, by the name of the rendering."""
        return {}

    @cached_property
    def _by_name(self) -> Mapping[str, Model]:
        """The models by version and id, in lower case; an id takes precedence over an equal version."""
        models = [*reversed(self.models.values())]
        versions = {model.version.lower(): model for model in models if model.version}
        return versions | {model.id.lower(): model for model in models}

    def find(self, name: str, aliases: Aliases = DEFAULT_ALIASES) -> Model | None:
        """The model with that id, else that of another spelling, else that of the alias."""
        if found := self.models.get(name):
            return found
        if len(name) > MAX_NAME_LENGTH:
            return None
        if found := self._named(name):
            return found
        target = aliases.target(name)
        return self._named(target) if target else None

    def alternatives(self, name: str) -> list[str]:
        """Other models that can do the work of one: its vendor's first, then by similar names."""
        model = self.models.get(name)
        if model is None:
            return []
        others = [other for other in self.models.values() if other.type == model.type and other.id != name]
        usable = [other for other in others if other.enabled and other.dialects]
        usable.sort(key=lambda other: (other.vendor != model.vendor, -shared_start(other.id, name)))
        return [other.id for other in usable]

    def _named(self, name: str) -> Model | None:
        if newer := newest(name, (model.id for model in self.models.values() if model.enabled)):
            name = f"{newer}{LONG_CONTEXT}" if wants_long_context(name) else newer
        named = (self._by_name.get(spelling.lower()) for spelling in spellings(name))
        return next((model for model in named if model), None)
