"""Notices to the operator of how far a budget is used up: in the log, by a webhook and by a command."""

import logging
import shlex
import subprocess
import threading

import orjson

from copilot_bridge.billing.budgets import Standing
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.upstream.transport.http_client import HttpClient

log = logging.getLogger(__name__)

TIMEOUT = 15.0  # seconds, for the webhook
COMMAND_TIMEOUT = 60.0  # seconds


class BudgetNotices:
    """Sends a notice of each threshold that a budget has reached; no request waits for it."""

    def __init__(self, config: Config, client: HttpClient) -> None:
        self._webhook = config.budget_webhook.reveal()
        self._command = config.budget_command
        self._client = client

    def notify(self, standing: Standing) -> None:
        log.warning("%s", standing.sentence())
        if self._webhook or self._command:
            content = orjson.dumps({"text": standing.sentence()} | standing.as_fields())
            threading.Thread(target=self._deliver, args=(content,), daemon=True).start()

    def _deliver(self, content: bytes) -> None:
        if self._webhook:
            self._post(content)
        if self._command:
            run(self._command, content)

    def _post(self, content: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            with self._client.send("POST", self._webhook, headers, content, timeout=TIMEOUT) as response:
                if response.status_code >= 300:
                    log.warning("the budget webhook responded with status %s", response.status_code)
        except BridgeError as error:
            log.warning("the budget webhook could not be reached: %s", error)


def run(command: str, content: bytes) -> None:
    """Run the operator's command, which gets the notice on its standard input."""
    try:
        subprocess.run(
            shlex.split(command), input=content, timeout=COMMAND_TIMEOUT, check=True, capture_output=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.warning("the budget command failed: %s", error)
