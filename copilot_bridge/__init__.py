"""Your own GitHub Copilot subscription, as the APIs that your tools already speak."""

__version__ = "0.2.0"
