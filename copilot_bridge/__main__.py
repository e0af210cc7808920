"""The command line, by `python -m copilot_bridge`."""

from copilot_bridge.cli import main

main()
