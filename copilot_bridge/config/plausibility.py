"""Checks whether the value of a short variable is plausibly meant for this program.

`HOST`, `DEBUG` and the like are set by shells, package managers and other programs, too.  A value that is
only plausible for them is ignored with a warning, and never prevents the start.  A variable with its full
name is always read.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

IsPlausible = Callable[[str], bool]

# Keys that others issue: OpenAI and Anthropic, Google, Groq, xAI, ..., and tokens that sign themselves.
FOREIGN_KEYS = re.compile(
    r"(?:sk|pk|rk)[-_]|AIza|gsk_|xai-|hf_|r8_|pplx-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA|SG\.|eyJ"
)
# GitHub's tokens that Copilot never accepts: classic ones, and those of Actions and of apps' servers.
USELESS_TOKENS = ("ghp_", "ghs_", "ghr_")


def parses(parse: Callable[[str], Any]) -> IsPlausible:
    def is_plausible(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, RuntimeError):
            return False
        return True

    return is_plausible


def address(text: str) -> bool:
    """Accept addresses only, because tcsh, conda and others put a machine's name or kind into HOST."""
    try:
        ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return text.strip().lower() in ("localhost", "*")
    return True


def file(text: str) -> bool:
    """Accept paths of files; other programs name a folder."""
    return not text.rstrip().endswith(("/", "\\")) and not Path(text).expanduser().is_dir()


def own_key(text: str) -> bool:
    return not FOREIGN_KEYS.match(text.strip())


def github_token(text: str) -> bool:
    return not text.strip().startswith(USELESS_TOKENS)


def json_object(text: str) -> bool:
    return text.lstrip().startswith("{")
