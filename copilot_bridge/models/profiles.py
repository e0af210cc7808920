"""Profiles of models: what each takes and refuses beyond Copilot's catalogue.

The facts are data, `profiles.toml`, each with its evidence and its date.  The catalogue takes precedence
where it names a fact (`with_catalogue`), and a fact found by probing the model takes precedence over both
(`upstream/recovery/probed_facts.py`).
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from fnmatch import translate
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

FILE = Path(__file__).with_name("profiles.toml")

GPT_EFFORTS = ("none", "low", "medium", "high", "xhigh")
LONG_CONTEXT = 1_000_000  # tokens


class ImageTokens(Struct, frozen=True, kw_only=True):
    """The vendor's formula for the tokens of an image: "area", "squares", "tiles" or "patches".

    :param base, per_tile: of "tiles".  :param multiplier, max_patches: of "patches".
    """

    formula: str
    base: int = 0
    per_tile: int = 0
    multiplier: float = 1.0
    max_patches: int = 1536


class TokenOverheads(Struct, frozen=True, kw_only=True):
    """The tokens that a vendor adds to the plain text of a prompt.

    :param message, call: for each message and each tool call.  :param response: for the response's beginning.
    :param scale: the vendor's tokens for each of OpenAI's.
    :param tools: for having tools at all; `forced_tool`: where one has to be called.
    :param thinking: where it is on.
    :param tool_format: how the model is shown its tools: as a "declaration" or as "json".
    """

    message: int = 3
    response: int = 3
    call: int = 4
    scale: float = 1.0
    tools: int = 0
    forced_tool: int = 0
    thinking: int = 0
    tool_format: str = "declaration"
    image: ImageTokens = ImageTokens(formula="patches")


class ModelProfile(Struct, frozen=True, kw_only=True):
    """The facts about one model.  The defaults hold where no entry of the file says otherwise.

    :param thinking_types: values of `thinking.type` that the Messages API takes.
    :param requires_thinking_first: with a budget, a turn that continues after tool results has to begin with
        a thinking block, and none may follow a prefilled response.
    :param efforts: in the order of EFFORTS; None: not known.  `extra_efforts`: beside those that the
        catalogue lists.  `efforts_needing_thinking`: those that `thinking: disabled` excludes.
    :param accepts_unlisted_efforts: an effort is passed on where the catalogue lists none.
    :param reasons: the model reasons, whether or not the catalogue lists efforts.
    :param system_messages: the Messages API takes them between the turns.
    :param prefill: the model continues an assistant's turn at the end.
    :param max_images: in a request.  `effective_image_side`: the longer side, in pixels, that the model
        really sees of an image; `max_image_side`: that it takes.
    :param needs_cache_breakpoints: nothing is cached that is not marked.  `hour_long_cache`: a breakpoint may
        ask for an hour.
    :param context_management: in Responses.  `context_editing`, `tool_search`: in Messages.
    :param custom_tools: free-form tools in Responses.  `reserved_namespaces`: of tools, taken by upstream.
    :param output_limit_field: the name of the limit in Chat Completions.
    :param fixed_sampling: the only values with which the model works well.
    :param tool_call_id_format: the form that the ids of its tool calls must have.
    :param tokens: for counting.
    """

    thinking_types: frozenset[str] = frozenset({"enabled", "adaptive", "disabled"})
    requires_thinking_first: bool = False
    efforts: tuple[str, ...] | None = None
    extra_efforts: tuple[str, ...] = ()
    efforts_needing_thinking: tuple[str, ...] = ()
    accepts_unlisted_efforts: bool = False
    reasons: bool = False
    system_messages: bool = False
    prefill: bool = True
    max_images: int | None = None
    effective_image_side: int | None = None
    max_image_side: int | None = None
    needs_cache_breakpoints: bool = False
    hour_long_cache: bool = False
    context_management: bool = True
    context_editing: bool = False
    tool_search: bool = False
    custom_tools: bool = True
    reserved_namespaces: tuple[str, ...] = ()
    developer_role: bool = False
    documents_in_chat: bool = False
    replays_reasoning: bool = False
    max_temperature: float | None = None
    output_limit_field: str = "max_tokens"
    fixed_sampling: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    tool_call_id_format: str = ""
    tokens: TokenOverheads = TokenOverheads()


class Fact(Struct, frozen=True):
    """An entry of the file.  `models`: patterns; `values`: fields of ModelProfile."""

    models: tuple[str, ...]
    values: Mapping[str, Any]
    date: date
    evidence: str


def read_tokens(content: dict[str, Any]) -> TokenOverheads:
    return TokenOverheads(**content | {"image": ImageTokens(**content["image"])})


# Fields whose value in the file has another type; lists become tuples.
CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "thinking_types": frozenset,
    "fixed_sampling": MappingProxyType,
    "tokens": read_tokens,
}


def read_fact(entry: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Fact:
    values = {name: entry[name] for name in entry if name not in ("models", "date", "evidence")}
    converted = {name: CONVERTERS.get(name, plain_value)(value) for name, value in values.items()}
    patterns = tuple(pattern for name in entry["models"] for pattern in patterns_of(name, groups))
    return Fact(patterns, converted, entry["date"], entry["evidence"])


def patterns_of(name: str, groups: Mapping[str, list[str]]) -> list[str]:
    prefix, colon, group = name.partition("group:")
    return groups[group] if colon and not prefix else [name]


def plain_value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def all_facts() -> tuple[Fact, ...]:
    """Read the file of facts, at the first use of a model, so that the start need not wait for it."""
    import tomllib  # takes 2 ms

    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(read_fact(entry, content["groups"]) for entry in content["facts"])


@lru_cache(maxsize=1024)
def profile_of(id_: str, family: str = "", vendor: str = "") -> ModelProfile:
    """The profile by the file alone.  A later fact takes precedence over an earlier one."""
    names = {id_.lower(), family.lower(), f"vendor:{vendor}"}
    matching = {pattern for pattern, match in all_patterns().items() if any(map(match, names))}
    values: dict[str, Any] = {}
    for fact in all_facts():
        if not matching.isdisjoint(fact.models):
            values |= fact.values
    return ModelProfile(**values)


@cache
def all_patterns() -> dict[str, Callable[[str], object]]:
    """Return the patterns of all facts, most of which have the same few, and what matches a name."""
    patterns = {pattern for fact in all_facts() for pattern in fact.models}
    return {pattern: re.compile(translate(pattern)).match for pattern in patterns}


def with_catalogue(
    profile: ModelProfile, supports: Mapping[str, Any], vision: Mapping[str, Any], context: int | None
) -> ModelProfile:
    """Return the profile with the facts that the catalogue names."""
    return replace(
        profile,
        thinking_types=thinking_types(profile, supports),
        efforts=efforts(profile, supports.get("reasoning_effort")),
        tool_search=boolean_or(supports.get("tool_search"), profile.tool_search),
        context_editing=boolean_or(supports.get("context_editing"), profile.context_editing),
        max_images=max_images(profile, vision.get("max_prompt_images")),
        hour_long_cache=profile.hour_long_cache and (context or 0) >= LONG_CONTEXT,
    )


def boolean_or(value: object, default: bool) -> bool:
    return value if isinstance(value, bool) else default


def thinking_types(profile: ModelProfile, supports: Mapping[str, Any]) -> frozenset[str]:
    """Return the types of thinking that the catalogue confirms.

    A budget there means "enabled" if "adaptive" is missing.
    """
    excluded = {"adaptive"} if not supports.get("adaptive_thinking") else set()
    if not supports.get("max_thinking_budget"):
        excluded |= {"enabled"}
    remaining = profile.thinking_types - excluded
    return remaining | {"enabled"} if excluded == {"adaptive"} else remaining


def efforts(profile: ModelProfile, listed: object) -> tuple[str, ...] | None:
    if not isinstance(listed, list) or not all(isinstance(effort, str) for effort in listed):
        return profile.efforts
    return (*profile.extra_efforts, *listed)


def max_images(profile: ModelProfile, listed: object) -> int | None:
    """Return the maximum of images: a catalogue's 1 is ignored, because upstream accepts more."""
    limit = listed if isinstance(listed, int) and listed > 1 else None
    return max(filter(None, (profile.max_images, limit)), default=None)
