"""`copilot-bridge check-usage`: shows the plan's remaining quotas."""

import click
from msgspec import to_builtins

from copilot_bridge.billing.quota import AccountUsage, Quota, amount, percentage, read_usage
from copilot_bridge.cli.options import CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.console import bar, print_json, print_table, spinner
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config

COLUMNS = ("QUOTA", "LEFT", "", "OF", "USED", "RESETS")


@click.command("check-usage", cls=Command)
@json_option
@takes_settings(*CONNECTION, *LOGGING)
def command(config: Config, as_json: bool) -> None:
    """Show your plan's remaining quotas."""
    from copilot_bridge.pipeline import Bridge
    from copilot_bridge.upstream.github.user_info import fetch_user_info

    bridge = Bridge(config)
    with spinner("Asking GitHub"):
        usage = read_usage(fetch_user_info(bridge.client, bridge.headers, bridge.account()))
    if as_json:
        print_json(to_builtins(usage))
        return
    click.echo(headline(usage))
    if usage.quotas:
        print_table(COLUMNS, [as_row(quota) for quota in usage.quotas])
    else:
        click.echo(
            "GitHub reports no quotas for this account.  Plans: https://github.com/features/copilot/plans"
        )


def headline(usage: AccountUsage) -> str:
    plan = usage.plan_name or "plan unknown"
    return f"{usage.login or 'This account'}: {plan}{', billed in AI units' if usage.token_billed else ''}"


def as_row(quota: Quota) -> tuple[object, ...]:
    name = quota.name.replace("_", " ")
    if quota.unlimited:
        return (name, bar(100), "no limit", "", "", "")
    percent = quota.percent_remaining
    overage = f" (+{amount(quota.overage_count)} beyond)" if quota.overage_count else ""
    return (
        name,
        "" if percent is None else bar(percent),
        "?" if percent is None else f"{percentage(percent)} %",
        "?" if quota.entitlement is None else f"{amount(quota.entitlement)} {quota.unit}",
        f"{amount(quota.used)}{overage}",
        (quota.resets_at or "")[:16].replace("T", " "),
    )
