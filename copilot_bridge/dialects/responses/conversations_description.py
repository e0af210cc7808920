"""OpenAI's conversations."""

from copilot_bridge.dialects.description.endpoint import Description, Endpoint, Success, in_path
from copilot_bridge.dialects.description.schemas import constant, integer, list_of, object_with, ref, string
from copilot_bridge.dialects.responses.conversations import METADATA
from copilot_bridge.dialects.responses.description import ITEM, KEPT, PAGE
from copilot_bridge.dialects.validation import or_null
from copilot_bridge.errors import KindName

ITEMS = list_of(ITEM, "What is said in it.", maxItems=20)
ABOUT = {"description": "Up to 16 texts by name.", **METADATA.schema}

SCHEMAS = {
    "NewConversation": object_with({"items": or_null(ITEMS), "metadata": or_null(ABOUT)}),
    "MoreItems": object_with({"items": ITEMS}, ("items",)),
    "ConversationMetadata": object_with({"metadata": ABOUT}, ("metadata",)),
    "Conversation": object_with(
        {
            "id": string(),
            "object": constant("conversation"),
            "created_at": integer("Unix time, seconds."),
            "metadata": ABOUT,
        },
        ("id", "object", "created_at", "metadata"),
    ),
    "DeletedConversation": object_with(
        {"id": string(), "object": constant("conversation.deleted"), "deleted": constant(True)},
        ("id", "object", "deleted"),
    ),
}

ID = in_path("id", string(minLength=1), "The id of a conversation.", "conv_0")
ITEM_ID = in_path("item", string(minLength=1), "The id of an item.", "msg_0")
CHANGED: tuple[KindName, ...] = (*KEPT, "too_large", "media_type")

ENDPOINTS = (
    Endpoint(
        route="POST /conversations",
        id="createConversation",
        prefixed=True,
        summary="Begin a conversation that the bridge keeps",
        about="For an hour after the last change, under the limit of the responses that are kept. A request "
        "of Responses names it in `conversation`.",
        body=ref("NewConversation"),
        examples={"An empty one": {}, "With a beginning": {"items": [{"role": "user", "content": "Hello!"}]}},
        responses={200: Success("The conversation.", ref("Conversation"))},
        kinds=CHANGED,
    ),
    Endpoint(
        route="GET /conversations/{id}",
        id="getConversation",
        prefixed=True,
        summary="Look up a conversation",
        parameters=(ID,),
        responses={200: Success("The conversation.", ref("Conversation"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="POST /conversations/{id}",
        id="updateConversation",
        prefixed=True,
        summary="Change the metadata of a conversation",
        parameters=(ID,),
        body=ref("ConversationMetadata"),
        examples={"A topic": {"metadata": {"topic": "greetings"}}},
        responses={200: Success("The conversation.", ref("Conversation"))},
        kinds=CHANGED,
    ),
    Endpoint(
        route="DELETE /conversations/{id}",
        id="deleteConversation",
        prefixed=True,
        summary="Forget a conversation",
        parameters=(ID,),
        responses={200: Success("The object was deleted.", ref("DeletedConversation"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="POST /conversations/{id}/items",
        id="addConversationItems",
        prefixed=True,
        summary="Add items to a conversation",
        parameters=(ID,),
        body=ref("MoreItems"),
        examples={"A message": {"items": [{"role": "user", "content": "Hello!"}]}},
        responses={200: Success("The items, with ids.", ref("ResponsesItemList"))},
        kinds=CHANGED,
    ),
    Endpoint(
        route="GET /conversations/{id}/items",
        id="listConversationItems",
        prefixed=True,
        summary="List the items of a conversation",
        parameters=(ID, *PAGE),
        responses={200: Success("The items.", ref("ResponsesItemList"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="GET /conversations/{id}/items/{item}",
        id="getConversationItem",
        prefixed=True,
        summary="Look up an item of a conversation",
        parameters=(ID, ITEM_ID),
        responses={200: Success("The item.", ref("ResponsesItem"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="DELETE /conversations/{id}/items/{item}",
        id="deleteConversationItem",
        prefixed=True,
        summary="Take an item out of a conversation",
        parameters=(ID, ITEM_ID),
        responses={200: Success("The conversation.", ref("Conversation"))},
        kinds=KEPT,
    ),
)

DESCRIPTION = Description(
    "Conversations", "Conversations that the bridge keeps for Responses.", ENDPOINTS, SCHEMAS
)
