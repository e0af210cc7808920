"""The limits of Responses bodies that are passed on: ids and schemas."""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.adaptation.tool_call_ids import IdLocation, adapt_id_locations
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.common import adapt_schema, dicts

Body = dict[str, Any]


def adapt_response_ids(body: Body, model: Model) -> bool:
    max_length = limits_of("responses", model.vendor, model.id).id_length
    return max_length is not None and adapt_id_locations(response_ids(body), max_length)


def response_ids(body: Body) -> Iterator[IdLocation]:
    for item in dicts(body["input"]):
        if "call_id" in item:
            yield item, "call_id", str(item.get("type")).endswith("_call")


def adapt_response_schemas(body: Body, model: Model) -> bool:
    limits = limits_of("responses", model.vendor, model.id)
    offered = dicts(body.get("tools"))
    inner = [nested for tool in offered for nested in dicts(tool.get("tools"))]
    changes = [adapt_schema(tool, "parameters", limits) for tool in (*offered, *inner)]
    return any(changes)
