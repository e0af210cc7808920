"""`copilot-bridge budget`: sets, lists and clears budgets."""

from collections.abc import Callable

import click

from copilot_bridge.admin.budgets import clear_budgets, read_limit, set_budget, standings
from copilot_bridge.admin.keys import check_lasting
from copilot_bridge.billing.budgets import (
    ALL,
    CONVERSATION,
    EACH,
    EXAMPLES,
    KEY,
    LOGIN,
    Budget,
    Standing,
    moment,
    quantity,
)
from copilot_bridge.cli.completion import complete_keys, complete_logins
from copilot_bridge.cli.options import LOGGING, STORE, json_option, takes_settings
from copilot_bridge.cli.terminal.console import bar, print_json, print_table
from copilot_bridge.cli.terminal.help import Group
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError
from copilot_bridge.pipeline.storage import store_of

COLUMNS = ("OF", "BUDGET", "USED", "", "LEFT", "BEGINS ANEW")


@click.group(
    "budget",
    cls=Group,
    examples=(
        "budget set 500/month --key friend",
        "budget set '20 usd/period'",
        "budget set 50/day --conversation '*'",
        "budget list --json",
        "budget clear --key friend",
    ),
)
def command() -> None:
    """Set, list and clear budgets.

    A budget says how many AI units, premium requests, requests or US$ (at list price) may be used in a day, a
    week, a month, or the billing period of the plan.  Days begin at midnight UTC, weeks on Monday.  What is
    running is never cut off; once a budget is used up, further requests are refused until it begins anew.
    """


def scope_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--conversation", metavar="ID", help="Of a conversation, by its id in the request log; '*': each."
        ),
        click.option("--login", metavar="LOGIN", shell_complete=complete_logins, help="Of a GitHub login."),
        click.option(
            "--key",
            metavar="NAME",
            shell_complete=complete_keys,
            help="Of a key or share token; '*': each; local: requests without a key.",
        ),
    ):
        command = option(command)
    return command


def scope_of(key: str | None, login: str | None, conversation: str | None) -> tuple[str, str]:
    """The scope and the subject that the options name; without one, the whole bridge."""
    given = [
        (scope, name)
        for scope, name in ((KEY, key), (LOGIN, login), (CONVERSATION, conversation))
        if name is not None
    ]
    if len(given) > 1:
        raise ConfigError("name one of --key, --login and --conversation")
    return given[0] if given else (ALL, "")


@command.command(
    "set",
    help=f"Set the budget LIMIT.\n\nLIMIT is like {EXAMPLES}.  Without an option it is for the whole bridge.",
)
@click.argument("limit")
@scope_options
@takes_settings(*STORE, *LOGGING)
def set_(config: Config, limit: str, key: str | None, login: str | None, conversation: str | None) -> None:
    store = store_of(config)
    check_lasting(store)
    scope, subject = scope_of(key, login, conversation)
    budget = set_budget(store, scope, subject, read_limit(limit))
    click.echo(f"{described(budget)} may use {budget.limit}.")


@command.command("list")
@json_option
@takes_settings(*STORE, *LOGGING)
def list_(config: Config, as_json: bool) -> None:
    """List the budgets, and how far they are used up."""
    found = standings(store_of(config))
    if as_json:
        print_json([standing.as_fields() for standing in found])
    elif found:
        print_table(COLUMNS, map(row, found), optional=("LEFT",))
    else:
        click.echo("There is no budget.  `copilot-bridge budget set 500/month` makes one.")


@command.command()
@scope_options
@takes_settings(*STORE, *LOGGING)
def clear(config: Config, key: str | None, login: str | None, conversation: str | None) -> None:
    """Remove budgets.

    Those of a key, a login or a conversation; without an option, those of the whole bridge.
    """
    scope, subject = scope_of(key, login, conversation)
    removed = clear_budgets(store_of(config), scope, subject)
    if not removed:
        raise ConfigError("there is no such budget: see `copilot-bridge budget list`")
    click.echo(
        f"{described(removed[0])}: no longer limited to {', '.join(str(one.limit) for one in removed)}."
    )


def described(budget: Budget) -> str:
    if budget.scope == ALL:
        return "The whole bridge"
    return f"Each {budget.scope}" if budget.subject == EACH else f"The {budget.scope} {budget.subject}"


def row(standing: Standing) -> tuple[str, ...]:
    unit, amount = standing.budget.limit.unit, standing.budget.limit.amount
    scope = standing.budget.scope
    name = "all" if scope == ALL else f"{scope} {standing.subject.removeprefix(f'{scope}:')}"
    if standing.subject == EACH:
        return name, str(standing.budget.limit), "", "", "", ""
    left = max(0, amount - standing.spent)
    return (
        name,
        str(standing.budget.limit),
        f"{standing.percent} %",
        bar(max(0, 100 - standing.percent)),
        quantity(left, unit),
        moment(standing.period.end),
    )
