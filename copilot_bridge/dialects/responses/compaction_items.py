"""The bridge's own compaction items, which hold a summary that every model can read."""

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.provider_details import is_foreign, pack, unpack

COMPACTION = "compaction"
SUMMARY = "summary"
INTRODUCTION = "Summary of the conversation so far, which replaces all but what is shown here:"


def compaction_item(summary: str) -> JsonObject:
    return {"type": COMPACTION, "encrypted_content": pack({SUMMARY: summary})}


def summary_of(item: JsonObject) -> str:
    """Return the summary in an item; "": it is none of the bridge's own."""
    encoded = item.get("encrypted_content")
    if item.get("type") != COMPACTION or not is_foreign(encoded):
        return ""
    content = unpack(str(encoded))
    summary = content.get(SUMMARY) if isinstance(content, dict) else None
    return summary if isinstance(summary, str) else ""


def open_item(item: JsonObject) -> JsonObject:
    """Return an item that every model can read in place of a compaction."""
    summary = summary_of(item)
    return {"type": "message", "role": "user", "content": f"{INTRODUCTION}\n\n{summary}"} if summary else item


def is_opened(item: JsonObject) -> bool:
    """Return whether an item is what a compaction was replaced by, which the next one replaces again."""
    return str(item.get("content")).startswith(INTRODUCTION)
