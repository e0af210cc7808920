"""Copilot's own fields in Chat Completions, which other clients do not know."""

import re

# The names of reasoning in different backends' chunks.
REASONING_FIELDS = ("reasoning_text", "cot_summary", "thinking", "reasoning", "reasoning_content")

COPILOT_ONLY_FIELDS = re.compile(r"copilot_|content_filter_|prompt_filter_results$|padding$|intent_")
