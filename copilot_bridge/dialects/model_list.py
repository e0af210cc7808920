"""Lists of models, as each dialect shows them to its clients."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from copilot_bridge.dialects.codec import JsonObject


class ModelEntry(Struct, frozen=True):
    """A model, as far as lists describe it.

    :param created: unix seconds; 0: Copilot does not say.  :param created_at: the same, by RFC 3339.
    :param is_conversational: clients of every dialect can hold conversations with it.
    :param copilot_fields: Copilot's own fields, for those who want them.
    :param context: tokens; None: not known.
    :param efforts: the reasoning efforts that it takes.  :param reasons: it reasons, by effort or by budget.
    :param fills_gaps: it completes texts, and holds no conversations.
    :param max_output_tokens: None: Copilot does not say.
    """

    id: str
    name: str
    vendor: str
    created: int
    created_at: str
    is_conversational: bool
    copilot_fields: Mapping[str, Any] = field(default_factory=dict)
    context: int | None = None
    efforts: tuple[str, ...] = ()
    reasons: bool = False
    takes_images: bool = False
    takes_tools: bool = False
    fills_gaps: bool = False
    parallel_tools: bool = False
    max_output_tokens: int | None = None


class ModelList(Struct, frozen=True):
    """A dialect's form of the list.

    :param write_model: one model.
    :param write_list: a page of them; takes the request's query.  Raises InvalidRequest.
    :param is_paged: the list depends on the query.
    """

    write_model: Callable[[ModelEntry], JsonObject]
    write_list: Callable[[Sequence[ModelEntry], Mapping[str, str]], JsonObject]
    is_paged: bool = False
