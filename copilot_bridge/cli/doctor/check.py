"""A check of `copilot-bridge doctor`: a small function that returns a finding, and the checks it depends on.

A check whose predecessor has failed is skipped.  A check stores its results for later ones in `CheckContext`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from copilot_bridge.config import Config
from copilot_bridge.errors import (
    BridgeError,
    LoginRequired,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import redact

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    :param message: one line, without secrets.  :param fix: what to do about it, a command where there is one.
    """

    state: State
    message: str
    fix: str = ""


def ok(message: str) -> Finding:
    return Finding("ok", redact(message))


def warning(message: str, fix: str) -> Finding:
    return Finding("warning", redact(message), fix)


def failed(message: str, fix: str) -> Finding:
    return Finding("failed", redact(message), fix)


@dataclass
class CheckContext:
    """The bridge, and what earlier checks have found out for later ones.

    :param copilot: the address that the token names.
    :param skew: seconds that GitHub's clock is ahead of ours.  :param models: the plan's chat models.
    """

    bridge: Bridge
    copilot: str = ""
    skew: float | None = None
    models: list[Model] = field(default_factory=list)

    @property
    def config(self) -> Config:
        return self.bridge.config


@dataclass(frozen=True)
class Check:
    """A named check.

    :param needs: names of the checks that have to succeed first.
    :param fix: what to do if it raises an error that has no fix of its own.
    """

    name: str
    function: Callable[[CheckContext], Finding]
    needs: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True)
class CheckResult:
    name: str
    finding: Finding
    ms: int


def run_check(step: Check, context: CheckContext, earlier: dict[str, Finding]) -> CheckResult:
    """Run a check, unless one that it needs has failed.

    :param earlier: the findings of the checks so far, by name.
    """
    began = time.perf_counter()
    missing = [name for name in step.needs if earlier[name].state in ("failed", "skipped")]
    if missing:
        return CheckResult(step.name, Finding("skipped", f"because {missing[0]!r} failed"), 0)
    try:
        finding = step.function(context)
    except BridgeError as error:
        finding = failed(" ".join(str(error).split()), fix_for(error) or step.fix)
    return CheckResult(step.name, finding, round((time.perf_counter() - began) * 1000))


# The fix for an error, by its class.
FIXES: dict[type[BridgeError], str] = {
    LoginRequired: "copilot-bridge auth",
    UpstreamTimeout: "check for a firewall in between, or set your proxy: --proxy http://proxy:3128",
    UpstreamUnreachable: "check your network, or set your proxy: --proxy http://proxy:3128",
}


def fix_for(error: BridgeError) -> str:
    return FIXES.get(type(error), "")
