"""`copilot-bridge models`: what the account can use."""

import click

from copilot_bridge.cli.login import waiting
from copilot_bridge.cli.options import CONNECTION, LOGGING, takes_settings
from copilot_bridge.cli.screen import print_json, print_table
from copilot_bridge.config import Config
from copilot_bridge.exchange import Bridge
from copilot_bridge.upstream.models import Model

COLUMNS = ("ID", "VENDOR", "CONTEXT", "OUTPUT", "APIS", "MULTIPLIER", "")


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@takes_settings(*CONNECTION, *LOGGING)
def command(config: Config, as_json: bool) -> None:
    """The plan's models.

    Context and output are in tokens; the multiplier is what a request costs of the plan's premium requests.
    """
    bridge = Bridge(config)
    with waiting("Asking Copilot for its models"):
        catalogue = bridge.models.catalogue(bridge.copilot())
    models = sorted(catalogue.models.values(), key=lambda model: (model.vendor, model.id))
    if as_json:
        print_json([as_fields(model) for model in models])
        return
    print_table(COLUMNS, [as_row(model) for model in models])


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
        "enabled": model.enabled,
    }


def as_row(model: Model) -> tuple[object, ...]:
    return (
        model.id,
        model.vendor,
        thousands(model.context),
        thousands(model.max_output_tokens),
        ", ".join(model.dialects) or "-",
        "-" if model.multiplier is None else f"{model.multiplier:g}x",
        "" if model.enabled else "not enabled",
    )


def thousands(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"
