"""What the operator may set, where each value comes from, and what is wrong with it.

text from a source (`sources`) -> its kind (`kinds`) -> a field of `Config` (`table`)
"""

from copilot_bridge.config.settings import Config
from copilot_bridge.config.sources import load_config

__all__ = ["Config", "load_config"]
