"""The catalogue: the models that an account has, and what each of them can do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any

from copilot_bridge.billing.prices import Prices, amount, mapping, read_prices
from copilot_bridge.dialects.registry import BY_UPSTREAM_PATH
from copilot_bridge.models.aliases import (
    DEFAULTS,
    LONG_CONTEXT,
    NameMapping,
    newest,
    spellings,
    wants_long_context,
)
from copilot_bridge.models.profiles import ModelProfile, profile_of, with_catalogue

# Older models do not say what they support.
BY_TYPE = {"chat": ("chat",), "embeddings": ("embeddings",)}

LONGEST_NAME = 200
OLD_CLIENT = "client_version_deprecated"  # a notice that each row has then


@dataclass(frozen=True)
class Model:
    """One row of the catalogue.  Limits are None where Copilot does not say.

    :param dialects: the APIs that Copilot offers it through: chat, responses, messages, embeddings.
    :param profile: what else is known of it.
    :param headers: what Copilot wants to be sent along for this model.
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
    profile: ModelProfile
    multiplier: float | None
    prices: Prices | None
    headers: Mapping[str, str]
    row: Mapping[str, Any]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Model":
        """Liberal: a field of the wrong type is as good as none."""
        capabilities = mapping(row.get("capabilities"))
        limits = mapping(capabilities.get("limits"))
        kind = str(capabilities.get("type") or "chat")
        id_, vendor = str(row["id"]), str(row.get("vendor") or "github-copilot")
        supports, vision = mapping(capabilities.get("supports")), mapping(limits.get("vision"))
        context = number(limits.get("max_context_window_tokens"))
        profile = profile_of(id_, str(capabilities.get("family") or ""), vendor)
        return cls(
            id=id_,
            name=str(row.get("name") or row["id"]),
            vendor=vendor,
            version=str(row.get("version") or ""),
            type=kind,
            dialects=read_dialects(row.get("supported_endpoints"), kind),
            enabled=mapping(row.get("policy")).get("state", "enabled") == "enabled",
            context=context,
            max_output_tokens=number(limits.get("max_output_tokens")),
            max_unstreamed_tokens=number(limits.get("max_non_streaming_output_tokens")),
            max_prompt_tokens=number(limits.get("max_prompt_tokens")),
            max_inputs=number(limits.get("max_inputs")),
            supports=supports,
            vision=vision,
            profile=with_catalogue(profile, supports, vision, context),
            multiplier=amount(mapping(row.get("billing")).get("multiplier")),
            prices=read_prices(row),
            headers={str(name): str(value) for name, value in mapping(row.get("request_headers")).items()},
            row=row,
        )

    @property
    def auto_discount(self) -> float | None:
        """The part of the price that is taken off where Copilot picks it; None where it is not told."""
        return amount(mapping(self.row.get("billing")).get("auto_discount"))

    @property
    def created(self) -> int:
        """Unix seconds of the date in its version, 0 if it has none: Copilot gives no other."""
        date = re.search(r"20\d\d-\d\d-\d\d", self.version)
        try:
            return int(datetime.fromisoformat(f"{date[0]}T00:00:00Z").timestamp()) if date else 0
        except ValueError:
            return 0


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def shared_start(one: str, other: str) -> int:
    """Characters."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_dialects(endpoints: object, kind: str) -> tuple[str, ...]:
    """Absent means chat only (or embeddings), not everything: gpt-4o knows no /responses."""
    if not isinstance(endpoints, list):
        return BY_TYPE.get(kind, ())
    spoken = (BY_UPSTREAM_PATH.get(each) for each in endpoints if isinstance(each, str))
    found = tuple(dict.fromkeys(each for each in spoken if each))
    return found or (BY_TYPE.get(kind, ()) if "/embeddings" in endpoints else ())


@dataclass(frozen=True)
class Catalogue:
    """The models by id, as fetched at `at` (unix seconds) from `api`."""

    models: dict[str, Model]
    at: float
    api: str

    @cached_property
    def outdated(self) -> str:
        """What Copilot says of the client that the bridge says it is, if that is too old; else ""."""
        rows = (listed(model.row.get("warning_messages")) for model in self.models.values())
        told = (notice for row in rows for notice in row if isinstance(notice, dict))
        return next((str(each.get("message")) for each in told if each.get("code") == OLD_CLIENT), "")

    @property
    def auto_discount(self) -> float:
        """The most that is taken off the price where Copilot picks the model."""
        return max((model.auto_discount or 0.0 for model in self.models.values()), default=0.0)

    @cached_property
    def rendered(self) -> dict[str, bytes]:
        """What has been made of it once, by whoever makes something of it."""
        return {}

    @cached_property
    def _by_name(self) -> Mapping[str, Model]:
        """In lower case; an id goes before a version that is spelled the same."""
        versions = {each.version.lower(): each for each in reversed(self.models.values()) if each.version}
        return versions | {each.id.lower(): each for each in reversed(self.models.values())}

    def find(self, name: str, mapping: NameMapping = DEFAULTS) -> Model | None:
        """The model of that id, else the one that another of its spellings means, else what it maps to."""
        if found := self.models.get(name):
            return found
        if len(name) > LONGEST_NAME:
            return None
        if found := self._named(name):
            return found
        target = mapping.target(name)
        return self._named(target) if target else None

    def like(self, name: str) -> list[str]:
        """The other models that can do the work of one: those of its vendor first, then by their names."""
        model = self.models.get(name)
        if model is None:
            return []
        others = [each for each in self.models.values() if each.type == model.type and each.id != name]
        usable = [each for each in others if each.enabled and each.dialects]
        usable.sort(key=lambda each: (each.vendor != model.vendor, -shared_start(each.id, name)))
        return [each.id for each in usable]

    def _named(self, name: str) -> Model | None:
        if newer := newest(name, (each.id for each in self.models.values() if each.enabled)):
            name = f"{newer}{LONG_CONTEXT}" if wants_long_context(name) else newer
        named = (self._by_name.get(spelling.lower()) for spelling in spellings(name))
        return next((model for model in named if model), None)
