"""`copilot-bridge models`: lists the models of the plan."""

import click
from msgspec import to_builtins

from copilot_bridge.billing.prices import Tier
from copilot_bridge.cli.options import CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, print_wrapped, spinner
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.models.catalogue import Catalogue, Model

COLUMNS = ("ID", "VENDOR", "CONTEXT", "OUTPUT", "APIS", "PRICE", "")


@click.command("models", cls=Command)
@json_option
@takes_settings(*CONNECTION, *LOGGING)
def command(config: Config, as_json: bool) -> None:
    """List the models of your plan.

    Context and output are in tokens.  The price is in AI units (US cents) per million tokens, input/output,
    and for long prompts where they cost more; on older plans it is the multiple of a premium request.
    """
    from copilot_bridge.pipeline import Bridge
    from copilot_bridge.pipeline.model_list import AUTO_MODELS

    bridge = Bridge(config)
    with spinner("Asking Copilot for its models"):
        catalogue = bridge.models.renewed(bridge.copilot(), max_age=0.0)
    models = sorted(catalogue.models.values(), key=lambda model: (model.vendor, model.id))
    auto = AUTO_MODELS if models else ()
    if as_json:
        print_json([*map(as_fields, models), *(auto_fields(model, catalogue) for model in auto)])
        return
    print_table(
        COLUMNS,
        [*map(as_row, models), *(auto_row(model, catalogue) for model in auto)],
        optional=("VENDOR", "OUTPUT"),
    )
    if catalogue.outdated:
        say_outdated(catalogue)


def as_fields(model: Model) -> dict[str, object]:
    return {
        "id": model.id,
        "name": model.name,
        "vendor": model.vendor,
        "context": model.context,
        "max_prompt_tokens": model.max_prompt_tokens,
        "max_output_tokens": model.max_output_tokens,
        "endpoints": list(model.dialects),
        "multiplier": model.multiplier,
        "prices": None if model.prices is None else to_builtins(model.prices),
        "auto_discount": model.auto_discount,
        "enabled": model.enabled,
    }


def as_row(model: Model) -> tuple[object, ...]:
    return (
        model.id,
        model.vendor,
        thousands(model.context),
        thousands(model.max_output_tokens),
        ", ".join(model.dialects) or "-",
        price(model),
        "" if model.enabled else "not enabled",
    )


def auto_fields(model: Model, catalogue: Catalogue) -> dict[str, object]:
    return as_fields(model) | {"discount": catalogue.auto_discount}


def auto_row(model: Model, catalogue: Catalogue) -> tuple[object, ...]:
    """The row of an automatic choice, whose price is that of the model that Copilot picks."""
    discount = f" (-{catalogue.auto_discount * 100:g} %)" if catalogue.auto_discount else ""
    return (model.id, model.vendor, "-", "-", "any", f"the model's{discount}", "")


def say_outdated(catalogue: Catalogue) -> None:
    from copilot_bridge.upstream.catalogues import OUTDATED, UPDATE

    print_wrapped(f"{OUTDATED}. {UPDATE}", err=True)
    print_wrapped(f"Copilot says: {catalogue.outdated}", err=True)


def price(model: Model) -> str:
    if model.multiplier is not None:
        return f"{model.multiplier:g}x"
    prices = model.prices
    if prices is None:
        return "-"
    long = f", long {in_and_out(prices.long)}" if prices.long else ""
    return f"{in_and_out(prices.usual)}{long}{f' (-{prices.discount:g} %)' if prices.discount else ''}"


def in_and_out(tier: Tier) -> str:
    return f"{tier.given:,g}/{'?' if tier.out is None else f'{tier.out:,g}'}"


def thousands(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"
