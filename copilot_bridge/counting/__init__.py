"""Local token counts of prompts, for models whose tokens upstream does not count.

An estimate with a real tokenizer and the vendors' published formulas.  Against counts that the vendors
have published it is within 6 % (`tests/unit/counting` says which).
"""

from copilot_bridge.counting.prompts import count
from copilot_bridge.counting.text import is_loaded, load

__all__ = ["count", "is_loaded", "load"]
