"""The name of the program that sends a request, by its User-Agent."""

import re

# The first product without its version: "claude-cli/2.1.3 (external, cli)" is claude-cli.
PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


def client_name(user_agent: str) -> str | None:
    """The program's name; None: the User-Agent has none."""
    found = PRODUCT.match(user_agent.strip())
    return found[0] if found else None
