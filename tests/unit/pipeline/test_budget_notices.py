"""Budget notices reach the operator in the log, by a webhook and by a command."""

import json
import queue
import shlex
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from copilot_bridge.billing.budgets import Budget, BudgetLimit, Standing
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.periods import Period
from copilot_bridge.config import Config
from copilot_bridge.pipeline.budget_notices import BudgetNotices, run
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.transport.http_client import HttpClient

STANDING = Standing(
    Budget("key", "key:friend", BudgetLimit.parse("500/month")),
    "key:friend",
    Period(1_793_491_200, 1_796_083_200),
    451 * NANO,
)
SAID = "90 % of the budget of the key 'friend' is used up: 451 AI units of 500 AI units a month"


@pytest.fixture
def hook():
    """Receives notices: (its address, the queue of the bodies)."""
    received = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?key=x", received
    server.shutdown()
    thread.join()
    server.server_close()


def notices(**settings):
    config = Config(**settings)
    return BudgetNotices(config, HttpClient(config))


def test_a_webhook_gets_the_state_of_the_budget(hook, caplog):
    address, received = hook
    notices(budget_webhook=Secret(address)).notify(STANDING)
    notice = json.loads(received.get(timeout=10))
    assert notice["text"] == SAID
    assert (notice["subject"], notice["percent"], notice["used"]) == ("key:friend", 90, 451)
    assert notice["ends"] == "2026-12-01T00:00:00Z"
    assert SAID in caplog.text


def test_a_command_gets_the_notice_on_its_input(tmp_path):
    script = f"import sys; open({str(tmp_path / 'said')!r}, 'w').write(sys.stdin.read())"
    run(shlex.join([sys.executable, "-c", script]), b"notice")
    assert (tmp_path / "said").read_text() == "notice"


@pytest.mark.parametrize("command", ["/no/such/command", f"{sys.executable} -c 'raise SystemExit(1)'", "'"])
def test_a_failing_command_is_logged(command, caplog):
    run(command, b"")
    assert "the budget command failed" in caplog.text
