"""What a Responses body must look like for Copilot to take it.  A row for each quirk."""

from collections.abc import Callable, Mapping
from typing import Any

from copilot_bridge.dialects.adaptation.tool_choice import check_tool_choice
from copilot_bridge.dialects.provider_details import is_foreign
from copilot_bridge.dialects.tool_catalogue import ITEMS_WITH_TOOLS, is_refused
from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import GPT_EFFORTS
from copilot_bridge.upstream.quirks.efforts import nearest
from copilot_bridge.upstream.quirks.fitting import fit_response_ids, fit_response_schemas

Body = dict[str, Any]
Rule = Callable[[Body, Model], bool]

ENCRYPTED = "reasoning.encrypted_content"
LEAST_OUTPUT = 16

# Copilot gives out ids of several hundred characters and refuses them again; the thought is found without.
LONGEST_ID = 64

# Fields that are refused and that change nothing in the answer.  Seen 2026.
DROPPED = ("service_tier", "client_metadata", "background", "previous_response_id", "conversation")
ITEM_EXTRAS = ("internal_chat_message_metadata_passthrough",)


def use_model_id(body: Body, model: Model) -> bool:
    changed: bool = body["model"] != model.id
    body["model"] = model.id
    return changed


def store_nothing(body: Body, _model: Model) -> bool:
    """Copilot keeps no answers and refuses to be asked to."""
    changed = body.get("store") is not False
    body["store"] = False
    return changed


def include_reasoning(body: Body, _model: Model) -> bool:
    """Without a store, reasoning is lost unless the client gets it, locked, and sends it back."""
    include = body.get("include") or []
    if ENCRYPTED in include:
        return False
    body["include"] = [*include, ENCRYPTED]
    return True


def limit_output(body: Body, model: Model) -> bool:
    wanted = body.get("max_output_tokens")
    if wanted is None:
        return False
    limit = max(LEAST_OUTPUT, min(filter(None, (wanted, model.max_output_tokens))))
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
    """Without the tools that were left out.  Raises Unsupported: there is none left to be called."""
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("tools"), list):
        choice["tools"] = [tool for tool in choice["tools"] if not is_refused("responses", tool)]
        check_tool_choice(str(choice.get("mode")), None, choice["tools"])
        body["tool_choice"] = choice if choice["tools"] else "none"
    elif isinstance(choice, dict) and is_refused("responses", choice):
        check_tool_choice("tool", str(choice["type"]), [])
    elif choice == "required":
        check_tool_choice(choice, None, [*kept, *filter(is_adding, body["input"])])


def is_adding(item: Any) -> bool:
    """It brings tools of its own."""
    return isinstance(item, dict) and item.get("type") in ITEMS_WITH_TOOLS


def fit_reasoning(body: Body, model: Model) -> bool:
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        return False
    fitted = {key: value for key, value in reasoning.items() if key != "context"}
    known = model.profile.efforts or GPT_EFFORTS
    if fitted.get("effort") is None:
        fitted.pop("effort", None)
    else:
        fitted["effort"] = nearest(fitted["effort"], known, "reasoning.effort")
    body["reasoning"] = fitted
    return fitted != reasoning


RULES: tuple[Rule, ...] = (
    use_model_id,
    store_nothing,
    include_reasoning,
    limit_output,
    drop_advisory,
    drop_hosted_tools,
    fit_response_ids,
    fit_response_schemas,
    fit_reasoning,
)


def fit(body: Body, model: Model, upstream_ids: Mapping[str, str]) -> bool:
    """Make the body one that Copilot takes for this model.  True if anything had to change.

    :param upstream_ids: ids that clients know -> those that Copilot wants to hear.
    """
    changes = [rule(body, model) for rule in RULES]
    return fit_items(body, upstream_ids) or any(changes)


def fit_items(body: Body, upstream_ids: Mapping[str, str]) -> bool:
    """Ids are bound to what was said with them: reasoning has its own again, all else does without.

    References to items that nobody has kept are left out.
    """
    given = body["input"]
    if not isinstance(given, list):
        return False
    kept = [fit_item(item, upstream_ids) for item in given if not is_lost(item)]
    body["input"] = kept
    return kept != given


def is_lost(item: Body) -> bool:
    """A reference to what nobody has kept, or a thought that upstream has not locked: another dialect's
    model had it, or the client has kept its summary alone."""
    if item.get("type") == "item_reference":
        return True
    encrypted = item.get("encrypted_content")
    return item.get("type") == "reasoning" and (not encrypted or is_foreign(encrypted))


def fit_item(item: Body, upstream_ids: Mapping[str, str]) -> Body:
    fitted = {key: value for key, value in item.items() if key != "id" and key not in ITEM_EXTRAS}
    id_ = upstream_ids.get(str(item.get("id"))) if item.get("type") in ("reasoning", "compaction") else None
    if id_ and len(id_) <= LONGEST_ID:
        fitted["id"] = id_
    return fitted
