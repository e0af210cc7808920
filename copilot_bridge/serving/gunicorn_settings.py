"""The settings of gunicorn.

https://docs.gunicorn.org/en/stable/settings.html

gunicorn's master reads this module.  It must not import what its workers patch: so neither requests nor
the application is imported here, and nothing is preloaded.
"""

import base64
import math
import os
from typing import Any

from copilot_bridge.config import load_config
from copilot_bridge.config.settings import variable
from copilot_bridge.logs.setup import set_up_logging
from copilot_bridge.serving.garbage_collector import tune_garbage_collector
from copilot_bridge.serving.limits import KILL_GRACE, raise_open_files
from copilot_bridge.serving.metrics_folder import prepare, remove, remove_live_gauges

_config = load_config()
if not _config.persist and not _config.store_key:
    # The secret is not stored, but all workers have to accept a cookie that one of them has signed.
    os.environ[variable("store_key")] = base64.b64encode(os.urandom(32)).decode()
set_up_logging(_config.log_level, debug=_config.debug, file=_config.log_file)
_metrics_folder = prepare(os.environ)

_host = f"[{_config.host}]" if ":" in _config.host else _config.host
bind = [f"{_host}:{port}" for port in dict.fromkeys((_config.port, _config.ollama_port or _config.port))]
workers = _config.workers
worker_class = "copilot_bridge.serving.worker_process.WorkerProcess"
# Enough for a thousand streams and the health checks.
worker_connections = 4000
backlog = 2048
# Longer than nginx keeps its connections, so that nginx closes them.
keepalive = 75
graceful_timeout = math.ceil(_config.graceful_timeout) + KILL_GRACE
logger_class = "copilot_bridge.serving.gunicorn_log.Logger"
# Even with long prompts, no known client sends larger headers.
limit_request_field_size = 16380
# The bridge writes a line per request; gunicorn's access log would be a second one.
accesslog = None

proc_name = "copilot-bridge"
control_socket_disable = True


def post_worker_init(_worker: object) -> None:
    tune_garbage_collector()


def on_starting(_server: object) -> None:
    raise_open_files()


def when_ready(_server: object) -> None:
    tune_garbage_collector()


def child_exit(_server: object, worker: Any) -> None:
    if _metrics_folder:
        remove_live_gauges(_metrics_folder, worker.pid)


def on_exit(_server: object) -> None:
    if _metrics_folder:
        remove(_metrics_folder)
