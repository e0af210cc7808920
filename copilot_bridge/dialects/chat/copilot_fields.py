"""Copilot's own fields in Chat Completions, which other clients do not know."""

import re

COPILOT_ONLY_FIELDS = re.compile(r"copilot_|content_filter_|prompt_filter_results$|padding$|intent_")
