"""Codex's own form of the list of models, which it asks for with its version.

It merges the rows with those that it was built with.  Seen from Codex 0.169 (2026-11); the fields that stand
here are those without which it rejects the list, and those that say what a model can do.
https://developers.openai.com/codex/config-reference
"""

from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList

QUERY = "client_version"

# Codex shows the models that it was built with, whether or not the plan has them.
BUILT_IN = (
    "gpt-6-astra",
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "gpt-6-sol",
    "gpt-6-luna",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-5.6-luna",
    "gpt-5.5",
    "gpt-daybreak-blue-latest",
    "gpt-daybreak-red-latest",
)

EFFORTS = {
    "none": "No reasoning",
    "minimal": "Hardly any reasoning",
    "low": "Short reasoning, quick answers",
    "medium": "A balance of speed and depth",
    "high": "Long reasoning for hard problems",
    "xhigh": "Very long reasoning for the hardest problems",
    "max": "As much reasoning as the model can do",
}
DEFAULT_EFFORT = "medium"

# Codex sends these instructions to the model.  It has none of its own for models that it does not know.
INSTRUCTIONS = """\
You are a coding agent. You work in the user's terminal, through Codex, on the files of their project.

How to work:
- Find out before you change anything: read the files that matter, search for callers and tests, look for \
an AGENTS.md, whose instructions apply to the folder that holds it and everything below.
- Go on until the task is done. Ask only if you cannot find out what the user wants.
- Change what the task needs and nothing else. Keep to the style of the code around it.
- Mend the cause of a fault, not its symptom. Do not hide errors, and do not weaken tests to make them pass.
- Use the tools that you are given, as their descriptions say. Run independent commands together.
- Never undo changes that you did not make, and run no destructive command that the user did not ask for.
- Do not commit or push unless the user asks for it.
- Check your work: run the tests, the linter or the program itself, and look at what they print.
- If a command is refused by the sandbox or by the user, find another way or say what is needed.

How to answer:
- Be brief and plain. Say what you did, where, and how you checked it. Name files with their lines.
- Say what you could not do or did not check. Never claim a result that you have not seen.
- If the user asks a question, answer it, and change nothing.
"""


def write_model(entry: ModelEntry, priority: int = 0, *, visible: bool = True) -> JsonObject:
    """Write a row.

    :param priority: its place in the list.
    """
    efforts = [effort for effort in entry.efforts if effort in EFFORTS]
    window = {"context_window": entry.context, "max_context_window": entry.context} if entry.context else {}
    default = DEFAULT_EFFORT if DEFAULT_EFFORT in efforts else next(iter(efforts), None)
    return {
        "slug": entry.id,
        "display_name": entry.name,
        "description": f"{entry.vendor}, by GitHub Copilot" if entry.vendor else "",
        "visibility": "list" if visible else "hide",
        "supported_in_api": True,
        "priority": priority,
        "shell_type": "unified_exec",
        "apply_patch_tool_type": "freeform",
        "default_reasoning_level": default,
        "supported_reasoning_levels": [
            {"effort": effort, "description": EFFORTS[effort]} for effort in efforts
        ],
        "support_verbosity": False,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"] if entry.takes_images else ["text"],
        "supports_parallel_tool_calls": entry.parallel_tools,
        "use_responses_lite": False,
        "prefer_websockets": False,
        "base_instructions": INSTRUCTIONS,
        **window,
    }


def write_list(entries: Sequence[ModelEntry], _query: Mapping[str, str]) -> JsonObject:
    """Write the plan's models, and those of Codex's own that the plan lacks, which are not to be shown."""
    shown = [entry for entry in entries if entry.is_conversational]
    missing = [name for name in BUILT_IN if name not in {entry.id for entry in shown}]
    rows = [write_model(entry, priority) for priority, entry in enumerate(shown, 1)]
    hidden = [write_model(hidden_entry(name), len(rows) + 1, visible=False) for name in missing]
    return {"models": [*rows, *hidden]}


def hidden_entry(name: str) -> ModelEntry:
    return ModelEntry(id=name, name=name, vendor="", created=0, created_at="", is_conversational=True)


CODEX_MODEL_LIST = ModelList(write_model, write_list)
