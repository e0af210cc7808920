"""The settings: their sources, their parsers, and their values in force.

A source (`sources`) gives a text, a parser (`parsers`) makes a value of it, and that is a field of `Config`
(`settings`).
"""

from copilot_bridge.config.settings import Config
from copilot_bridge.config.sources import load_config

__all__ = ["Config", "load_config"]
