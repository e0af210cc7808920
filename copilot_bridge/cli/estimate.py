"""`copilot-bridge estimate`: what a prompt would cost, before it is sent."""

import json
from typing import TextIO

import click

from copilot_bridge.cli.completion import complete_models
from copilot_bridge.cli.options import CONNECTION, LOGGING, json_option, takes_settings
from copilot_bridge.cli.terminal.console import print_json, print_table, spinner
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config

CONVERSATIONS = {"messages", "input", "contents", "prompt"}  # fields that hold one, in any API
ROWS = (("AI UNITS", "ai_units"), ("PREMIUM REQUESTS", "premium_requests"), ("US$", "usd"))


@click.command(
    "estimate",
    cls=Command,
    examples=(
        "estimate prompt.txt --model claude-opus-5",
        "estimate request.json --model gpt-5.4 --json",
    ),
)
@click.argument("file", type=click.File(), default="-")
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model to ask.  [default: the one that the request names]",
)
@json_option
@takes_settings(*CONNECTION, *LOGGING)
def command(config: Config, file: TextIO, model: str | None, as_json: bool) -> None:
    """Estimate what a prompt would cost, without sending it.

    FILE holds a text, or the body of a request in JSON, of any API; by default it is read from standard
    input.  A response of 1,000 tokens is assumed, or less if the request says so.
    """
    from copilot_bridge.access.authentication import LOCAL_OPERATOR
    from copilot_bridge.logs.entry import RequestLogEntry
    from copilot_bridge.pipeline import Bridge, RequestContext
    from copilot_bridge.pipeline.estimate import Estimate

    data = request_body(file.read(), model)
    context = RequestContext(Bridge(config), LOCAL_OPERATOR)
    with spinner("Asking Copilot for its prices"):
        estimate = Estimate(context, RequestLogEntry("estimate", "POST", "/v1/estimate"), data, {})
        found = json.loads(estimate.complete())
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found['model']}: {found['input_tokens']:,} tokens in, {found['output_tokens']:,} out"
        f"{', at the prices of long prompts' if found['tier'] == 'long' else ''}"
    )
    rows = [
        (title, f"{found[name]:,}", f"{found['if_cached'][name]:,}")
        for title, name in ROWS
        if found[name] is not None
    ]
    print_table(("", "COST", "IF CACHED"), rows)


def request_body(text: str, model: str | None) -> bytes:
    """The body of a request: the text itself, if it is JSON with a conversation, else a chat of the text."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not body.keys() & CONVERSATIONS:
        if model is None:
            raise click.UsageError("name a model with --model")
        body = {"messages": [{"role": "user", "content": text}]}
    return json.dumps(body | ({"model": model} if model else {})).encode()
