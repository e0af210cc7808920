"""`copilot-bridge ask`: sends a prompt to the running bridge, as a client does, and prints the response."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from copilot_bridge.cli.completion import complete_models
from copilot_bridge.cli.options import LOGGING, NETWORK, takes_settings
from copilot_bridge.cli.terminal.console import printable
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.config import Config
from copilot_bridge.errors import ConfigError, UpstreamRefused, UpstreamUnreachable

START_TIMEOUT = 60.0  # seconds; the bridge may just be starting
GENERAL = ("gpt-4.1", "gpt-5-mini", "gpt-4o", "gpt", "claude")  # prefixes, the preferred one first


@click.command(
    "ask", cls=Command, examples=("ask 'Hello!'", "ask --model claude-sonnet-4.6 - < question.txt")
)
@click.argument("prompt", nargs=-1, required=True)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Model to ask.  [default: an inexpensive one of those that the bridge lists]",
)
@click.option("--url", metavar="URL", help="Address of the bridge.  [default: from --host and --port]")
@click.option("--key", metavar="KEY", help="API key for the bridge.  [default: from --api-key, if any]")
@takes_settings("host", "port", "api_key", *NETWORK, *LOGGING, simulate=False)
def command(
    config: Config, prompt: tuple[str, ...], model: str | None, url: str | None, key: str | None
) -> None:
    """Send a prompt to the running bridge and print the response.

    It is sent as a client would send it.  With - as PROMPT, the prompt is read from standard input.
    """
    from copilot_bridge.clients import clean_url, pick_model  # here, as `--help` does not need them
    from copilot_bridge.serving.address import base_url
    from copilot_bridge.upstream.bridge_client import list_models
    from copilot_bridge.upstream.transport.http_client import HttpClient

    root = clean_url(url) if url else base_url(config.host, config.port)
    secret = key or (config.api_key[0].reveal() if config.api_key else "")
    client = HttpClient(config)
    text = sys.stdin.read() if prompt == ("-",) else " ".join(prompt)
    try:
        chosen = model or pick_model(list_models(client, root, secret, START_TIMEOUT), GENERAL)
        print_stream(client, root, secret, {"model": chosen, "messages": [{"role": "user", "content": text}]})
    except UpstreamUnreachable as error:
        raise ConfigError(f"no bridge responds at {root}: start one with `copilot-bridge start`") from error


def print_stream(client: Any, root: str, key: str, body: dict[str, Any]) -> None:
    """Print the response as it arrives.  Raises UpstreamRefused: the bridge reports an error."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key or 'anything'}"}
    sent = json.dumps({**body, "stream": True}).encode()
    response = client.send("POST", f"{root}/v1/chat/completions", headers, body=sent)
    if response.status_code >= 300:
        raise UpstreamRefused(message_of(response.content), status=response.status_code)
    for text in texts(response.iter_lines()):
        click.echo(printable(text, lines=True), nl=False)
        sys.stdout.flush()
    click.echo()


def message_of(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace")[:200]


def texts(lines: Iterator[bytes]) -> Iterator[str]:
    """The text in a stream of chat completion chunks.  Raises UpstreamRefused: an error is among them."""
    for line in lines:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[len(b"data: ") :])
        if "error" in chunk:
            raise UpstreamRefused(str(chunk["error"].get("message")))
        for choice in chunk.get("choices", ()):
            yield choice.get("delta", {}).get("content") or ""
