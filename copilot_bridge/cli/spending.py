"""`copilot-bridge usage`: shows what was used, by whom and for what, and how long the plan will last."""

import csv
import io
import time
from datetime import UTC, datetime
from typing import Any

import click

from copilot_bridge.access.rates import parse_duration
from copilot_bridge.billing.budgets import AI_UNITS, DOLLARS, PREMIUM, exactly, moment, quantity
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.forecast import (
    WEEK,
    Forecast,
    SpendingRate,
    forecast,
    longest_prompt,
    metered,
    what_if,
)
from copilot_bridge.billing.periods import unix_time
from copilot_bridge.billing.prompt_cache import REASONS
from copilot_bridge.billing.quota import AI_UNITS as AI_UNIT_QUOTA
from copilot_bridge.billing.quota import Quota, amount, read_usage
from copilot_bridge.cli.options import CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, print_wrapped, spinner
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.storage import store_of
from copilot_bridge.store.usage import REPORTS

COLUMNS = ("REQUESTS", "PREMIUM", "AI UNITS", "US$", "TOKENS IN", "CACHED", "WRITTEN", "OUT", "")
FIELDS = ("requests", "errors", "premium", "ai_units", "usd", "estimated_requests")
TOKEN_FIELDS = ("tokens_in", "tokens_cached", "tokens_written", "tokens_out")
CACHE_COLUMNS = ("DAY", "CLIENT", "PROMPT CACHE", "REQUESTS", "CACHED", "LOST AI UNITS")
NOTHING_USED = "The request log has nothing of this time."


@click.command(
    "usage",
    cls=Command,
    examples=(
        "usage",
        "usage --by conversation --since 24h",
        "usage --by day --since 2026-11-01 --csv",
        "usage --forecast --what-if",
    ),
)
@click.option(
    "--by",
    "group",
    type=click.Choice(list(REPORTS)),
    default="model",
    show_default=True,
    help="What to sum up by.",
)
@click.option(
    "--since", default="30d", show_default=True, metavar="TIME", help="A span like 7d or 24h, or a date."
)
@click.option(
    "--forecast", "ahead", is_flag=True, help="Also ask GitHub for the plan: how long will it last?"
)
@click.option(
    "--what-if", "compare", is_flag=True, help="Also ask Copilot for its prices: other models' cost."
)
@click.option(
    "--prompt-cache",
    "cached",
    is_flag=True,
    help="Also say how the prompt cache served, and why it was missed.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@takes_settings(*CONNECTION, *LOGGING)
def command(
    config: Config,
    group: str,
    since: str,
    ahead: bool,
    compare: bool,
    cached: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what was used, and by whom.

    US$ are at list price: what is within the plan's allowance costs nothing extra.  The numbers are those of
    the request log of this bridge; `check-usage` asks GitHub what is left of the plan.
    """
    if as_csv and (as_json or ahead or compare or cached):
        raise ConfigError("--csv goes with none of --json, --forecast, --what-if and --prompt-cache")
    start, table = read_start(since, time.time()), store_of(config).usage
    rows = [as_fields(sums) for sums in table.by(group, start)]
    if as_csv:
        click.echo(csv_of(group, rows), nl=False)
        return
    outlook = outlook_of(config) if ahead else None
    models = other_models(config, start) if compare else None
    verdicts = [cache_fields(sums) for sums in table.cache(start)] if cached else None
    if as_json:
        wanted = (("forecast", ahead, forecast_fields(outlook)), ("cache", cached, verdicts))
        parts = {name: part for name, asked, part in (*wanted, ("what_if", compare, models)) if asked}
        print_json({"by": group, "since": int(start), "rows": rows, **parts})
        return
    print_report(group, rows)
    print_parts(verdicts, forecast_words(outlook) if ahead else "", models)


def read_start(text: str, now: float) -> float:
    """The beginning of the report, unix seconds.  Raises ConfigError."""
    if (date := unix_time(text)) is not None:
        return date
    try:
        return now - parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--since: {error}, or a date like 2026-11-01") from error


def as_fields(sums: dict[str, Any]) -> dict[str, Any]:
    nano = sums["nano_aiu"]
    return {
        "name": sums["name"] or None,
        "requests": sums["requests"],
        "errors": sums["errors"],
        "premium": None if sums["premium"] is None else round(sums["premium"], 9),
        "ai_units": None if nano is None else nano / NANO,
        "usd": float(exactly(sums["nano_cents"], DOLLARS)),
        "estimated_requests": sums["estimated"],
    } | {name: sums[name] for name in TOKEN_FIELDS}


def print_parts(
    verdicts: list[dict[str, Any]] | None, forecasted: str, models: list[dict[str, Any]] | None
) -> None:
    """Print the parts of the report that were asked for besides the sums."""
    if verdicts is not None:
        print_cache(verdicts)
    if forecasted:
        print_wrapped(forecasted)
    if models:
        print_models(models)


def print_report(by: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo(NOTHING_USED)
        return
    shown = [as_row(row) for row in (rows if len(rows) == 1 else [*rows, total(rows)])]
    # A plan knows premium requests or AI units, seldom both.
    kept = [number for number, cells in enumerate(zip(*shown, strict=True)) if any(cells)]
    columns = (by.upper(), *COLUMNS)
    print_table(pick(columns, kept), [pick(row, kept) for row in shown])


def pick(cells: tuple[str, ...], kept: list[int]) -> tuple[str, ...]:
    return tuple(cells[number] for number in kept)


def as_row(fields: dict[str, Any]) -> tuple[str, ...]:
    estimated = fields["estimated_requests"]
    tokens = (f"{fields[name]:,}" for name in TOKEN_FIELDS)
    return (
        fields["name"] or "-",
        f"{fields['requests']:,}",
        "" if fields["premium"] is None else amount(fields["premium"]),
        "" if fields["ai_units"] is None else amount(fields["ai_units"]),
        f"{fields['usd']:,.3f}",
        *tokens,
        f"{estimated} estimated" if estimated else "",
    )


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    known = {name: [row[name] for row in rows if row[name] is not None] for name in (*FIELDS, *TOKEN_FIELDS)}
    return {"name": "all"} | {name: sum(values) if values else None for name, values in known.items()}


def csv_of(by: str, rows: list[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow((by, *FIELDS, *TOKEN_FIELDS))
    writer.writerows([(row["name"] or "", *(row[name] for name in (*FIELDS, *TOKEN_FIELDS))) for row in rows])
    return file.getvalue()


def cache_fields(sums: dict[str, Any]) -> dict[str, Any]:
    lost = sums.pop("lost_nano_aiu")
    return sums | {"client": sums["client"] or None, "lost_ai_units": lost / NANO}


def print_cache(verdicts: list[dict[str, Any]]) -> None:
    if not verdicts:
        click.echo("The request log knows nothing of the prompt cache in this time.")
        return
    rows = [
        (
            one["day"],
            one["client"] or "-",
            REASONS[one["verdict"]],
            f"{one['requests']:,}",
            f"{percent_of(one['tokens_cached'], one['tokens_in'])} %",
            amount(one["lost_ai_units"]) if one["lost_ai_units"] else "",
        )
        for one in verdicts
    ]
    print_table(CACHE_COLUMNS, rows, "The prompt cache")


def percent_of(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def outlook_of(config: Config) -> Forecast | None:
    """The forecast for the account in use; None: its plan has no limit that is known."""
    from copilot_bridge.pipeline import Bridge
    from copilot_bridge.upstream.github.user_info import fetch_user_info

    bridge, now = Bridge(config), time.time()
    account = bridge.account()
    with spinner("Asking GitHub"):
        quota = metered(read_usage(fetch_user_info(bridge.client, bridge.headers, account)))
    if quota is None:
        return None
    week = bridge.store.usage.since(now - WEEK, account=account.login or f"token {account.fingerprint[:8]}")
    return forecast(quota, now, used_of(quota, week))


def used_of(quota: Quota, sums: dict[str, Any]) -> float:
    """The use of a quota by the sums of the log, in the quota's unit."""
    used: float = (sums["nano_aiu"] or 0) / NANO if quota.unit == AI_UNIT_QUOTA else sums["premium"] or 0.0
    return used


def forecast_words(outlook: Forecast | None) -> str:
    if outlook is None:
        return "GitHub reports no limit for this account, so there is nothing to forecast."
    quota = outlook.quota
    paces = [("in this period", outlook.period), ("in the last seven days", outlook.week)]
    parts = [f"{name} {pace_words(pace, quota.unit)}" for name, pace in paces if pace]
    return (
        f"{amount(quota.remaining)} of {amount(quota.entitlement)} {quota.unit} are left until "
        f"{moment(int(outlook.renewed_at))}.  At the pace {'; '.join(parts)}.  "
        f"When they are used up, {outlook.then}."
    )


def pace_words(pace: SpendingRate, unit: str) -> str:
    end = "lasts" if pace.empty_at is None else f"is used up on {moment(int(pace.empty_at))}"
    return f"({amount(pace.per_day)} {unit} a day) the allowance {end}"


def forecast_fields(outlook: Forecast | None) -> dict[str, Any] | None:
    """The forecast as JSON; times in ISO 8601."""
    if outlook is None:
        return None
    return {
        "unit": outlook.quota.unit,
        "entitlement": outlook.quota.entitlement,
        "remaining": outlook.quota.remaining,
        "overage_permitted": outlook.quota.overage_permitted,
        "renewed_at": iso(outlook.renewed_at),
        "period": pace_fields(outlook.period),
        "week": pace_fields(outlook.week),
    }


def pace_fields(pace: SpendingRate | None) -> dict[str, Any] | None:
    if pace is None:
        return None
    return {"per_day": pace.per_day, "empty_at": None if pace.empty_at is None else iso(pace.empty_at)}


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def other_models(config: Config, start: float) -> list[dict[str, Any]]:
    """The cost of the same requests and tokens with each model of the plan, the cheapest first."""
    from copilot_bridge.pipeline import Bridge

    bridge = Bridge(config)
    with spinner("Asking Copilot for its models"):
        models = [*bridge.models.catalogue(bridge.copilot()).models.values()]
    limits = {model.id: longest_prompt(model.prices) for model in models}
    traffic = bridge.store.usage.traffic(start, limits.values())
    costs = [
        (model, what_if(model.prices, model.multiplier, traffic[limits[model.id]]))
        for model in models
        if model.dialects and model.type == "chat"
    ]
    known = [(model, cost) for model, cost in costs if cost is not None]
    return [model_fields(model, cost) for model, cost in sorted(known, key=lambda one: (one[1], one[0].id))]


def model_fields(model: Model, cost: int) -> dict[str, Any]:
    unit = AI_UNITS if model.multiplier is None else PREMIUM
    return {"model": model.id, "unit": unit, "cost": cost / NANO}


def print_models(models: list[dict[str, Any]]) -> None:
    rows = [(one["model"], quantity(round(one["cost"] * NANO), one["unit"])) for one in models]
    print_table(("MODEL", "THE SAME REQUESTS"), rows, "With other models")
