"""The checks of `copilot-bridge doctor`, in order."""

from functools import partial

from copilot_bridge.cli.doctor.account import login, models, plan, token
from copilot_bridge.cli.doctor.check import Check, CheckResult, Finding, failed
from copilot_bridge.cli.doctor.live import costs, live, web_search
from copilot_bridge.cli.doctor.machine import configuration, disk, permissions, store
from copilot_bridge.cli.doctor.network import clock, dns, proxy, responds, tls
from copilot_bridge.cli.doctor.port import port
from copilot_bridge.errors import (
    ConfigError,
)
from copilot_bridge.pipeline.dialect_probes import UPSTREAM_PROBES


def connection_checks(role: str) -> list[Check]:
    layers = (("proxy", proxy), ("dns", dns), ("tls", tls), ("http", responds))
    names = [f"{name} {role}" for name, _ in layers]
    needs = [(), *((name,) for name in names)]
    looks = (partial(function, role) for _, function in layers)
    return [Check(name, function, need) for name, function, need in zip(names, looks, needs, strict=False)]


CHECKS = (
    Check("configuration", configuration),
    Check("store", store, fix="copilot-bridge debug"),
    Check("permissions", permissions),
    Check("disk", disk),
    *connection_checks("github"),
    *connection_checks("api"),
    Check("clock", clock, ("http api",)),
    Check("login", login, ("http api",), "copilot-bridge auth"),
    Check("token", token, ("login",), "copilot-bridge auth"),
    *connection_checks("copilot"),
    Check("plan", plan, ("token",), "copilot-bridge check-usage"),
    Check("models", models, ("token", "http copilot"), "copilot-bridge models"),
    Check("port", port, fix="copilot-bridge start --port 4142"),
)
LIVE_CHECKS = (
    Check("live", costs, ("models",)),
    *(
        Check(f"live {name}", partial(live, name), ("models",), "copilot-bridge models")
        for name in UPSTREAM_PROBES
    ),
    Check("live web search", web_search, ("models",), "copilot-bridge models"),
)


def without_configuration(error: ConfigError) -> list[CheckResult]:
    """The results when the settings can't be read: every other check is skipped."""
    fix = "correct the setting; copilot-bridge start --help describes each"
    skipped = Finding("skipped", "because 'configuration' failed")
    return [
        CheckResult(CHECKS[0].name, failed(str(error), fix), 0),
        *(CheckResult(step.name, skipped, 0) for step in CHECKS[1:]),
    ]
