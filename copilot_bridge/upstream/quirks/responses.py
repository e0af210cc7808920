"""Adaptations of Responses bodies to Copilot: a rule for each quirk."""

from collections.abc import Callable, Mapping
from typing import Any

from copilot_bridge.dialects.adaptation.tool_choice import check_tool_choice
from copilot_bridge.dialects.provider_details import is_foreign
from copilot_bridge.dialects.tool_catalogue import ITEMS_WITH_TOOLS, is_refused
from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import GPT_EFFORTS
from copilot_bridge.upstream.quirks.efforts import nearest
from copilot_bridge.upstream.quirks.responses_limits import adapt_response_ids, adapt_response_schemas

Body = dict[str, Any]
Rule = Callable[[Body, Model], bool]

ENCRYPTED = "reasoning.encrypted_content"
MIN_OUTPUT = 16

# Copilot issues ids of several hundred characters and refuses them; it finds the reasoning without the id.
MAX_ID_LENGTH = 64

# Fields that are refused and that do not change the response.  Seen 2026.
DROPPED = ("service_tier", "client_metadata", "background", "previous_response_id", "conversation")
ITEM_EXTRAS = ("internal_chat_message_metadata_passthrough",)


def use_model_id(body: Body, model: Model) -> bool:
    changed: bool = body["model"] != model.id
    body["model"] = model.id
    return changed


def store_nothing(body: Body, _model: Model) -> bool:
    """Set `store` to false: Copilot stores no responses and refuses requests for it."""
    changed = body.get("store") is not False
    body["store"] = False
    return changed


def include_reasoning(body: Body, _model: Model) -> bool:
    """Ask for encrypted reasoning: without a store it is lost unless the client sends it back."""
    include = body.get("include") or []
    if ENCRYPTED in include:
        return False
    body["include"] = [*include, ENCRYPTED]
    return True


def limit_output(body: Body, model: Model) -> bool:
    wanted = body.get("max_output_tokens")
    if wanted is None:
        return False
    limit = max(MIN_OUTPUT, min(filter(None, (wanted, model.max_output_tokens))))
    body["max_output_tokens"] = limit
    return bool(limit != wanted)


def drop_advisory(body: Body, model: Model) -> bool:
    managed = () if model.profile.context_management else ("context_management",)
    given = [field for field in (*DROPPED, *managed) if field in body]
    for field in given:
        del body[field]
    return bool(given)


def drop_hosted_tools(body: Body, _model: Model) -> bool:
    offered = body.get("tools")
    if not isinstance(offered, list):
        return False
    kept = [tool for tool in offered if not is_refused("responses", tool)]
    if len(kept) == len(offered):
        return False
    body["tools"] = kept
    adapt_tool_choice(body, kept)
    return True


def adapt_tool_choice(body: Body, kept: list[Any]) -> None:
    """Adapt the choice to the remaining tools.

    :raises Unsupported: a call is required, and no tool is left.
    """
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("tools"), list):
        choice["tools"] = [tool for tool in choice["tools"] if not is_refused("responses", tool)]
        check_tool_choice(str(choice.get("mode")), None, choice["tools"])
        body["tool_choice"] = choice if choice["tools"] else "none"
    elif isinstance(choice, dict) and is_refused("responses", choice):
        check_tool_choice("tool", str(choice["type"]), [])
    elif choice == "required":
        check_tool_choice(choice, None, [*kept, *filter(adds_tools, body["input"])])


def adds_tools(item: Any) -> bool:
    """Return whether an item brings tools of its own."""
    return isinstance(item, dict) and item.get("type") in ITEMS_WITH_TOOLS


def adapt_reasoning(body: Body, model: Model) -> bool:
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        return False
    adapted = {key: value for key, value in reasoning.items() if key != "context"}
    efforts = model.profile.efforts or GPT_EFFORTS
    if adapted.get("effort") is None:
        adapted.pop("effort", None)
    else:
        adapted["effort"] = nearest(adapted["effort"], efforts, "reasoning.effort")
    body["reasoning"] = adapted
    return adapted != reasoning


RULES: tuple[Rule, ...] = (
    use_model_id,
    store_nothing,
    include_reasoning,
    limit_output,
    drop_advisory,
    drop_hosted_tools,
    adapt_response_ids,
    adapt_response_schemas,
    adapt_reasoning,
)


def adapt(body: Body, model: Model, upstream_ids: Mapping[str, str]) -> bool:
    """Make the body one that Copilot takes for this model.  True if anything had to change.

    :param upstream_ids: ids of the bridge's responses -> Copilot's ids.
    """
    changes = [rule(body, model) for rule in RULES]
    return adapt_items(body, upstream_ids) or any(changes)


def adapt_items(body: Body, upstream_ids: Mapping[str, str]) -> bool:
    """Restore the ids of reasoning, to whose content they are bound, and remove all other ids.

    References to items that are not stored are removed.
    """
    given = body["input"]
    if not isinstance(given, list):
        return False
    kept = [adapt_item(item, upstream_ids) for item in given if not is_unusable(item)]
    body["input"] = kept
    return kept != given


def is_unusable(item: Body) -> bool:
    """Return whether upstream can't use an item.

    It is a reference to an item that is not stored, or reasoning without upstream's encryption: of another
    dialect's model, or a summary alone.
    """
    if item.get("type") == "item_reference":
        return True
    encrypted = item.get("encrypted_content")
    return item.get("type") == "reasoning" and (not encrypted or is_foreign(encrypted))


def adapt_item(item: Body, upstream_ids: Mapping[str, str]) -> Body:
    adapted = {key: value for key, value in item.items() if key != "id" and key not in ITEM_EXTRAS}
    id_ = upstream_ids.get(str(item.get("id"))) if item.get("type") in ("reasoning", "compaction") else None
    if id_ and len(id_) <= MAX_ID_LENGTH:
        adapted["id"] = id_
    return adapted
