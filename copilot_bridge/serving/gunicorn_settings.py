"""gunicorn's settings.  https://docs.gunicorn.org/en/stable/settings.html

Read by gunicorn's master, which must not import what its workers are going to patch: no requests, no
application in here, and no preloading.
"""

import base64
import math
import os
from typing import Any

from copilot_bridge.config import load_config
from copilot_bridge.config.settings import variable
from copilot_bridge.logs.setup import set_up_logging
from copilot_bridge.serving.collector import settle
from copilot_bridge.serving.limits import LAST_MOMENTS, raise_open_files
from copilot_bridge.serving.metrics_folder import forget, remove, take

_config = load_config()
if not _config.persist and not _config.store_key:
    # Nothing lies on a disk, but what a worker gives to a browser the others have to know again.
    os.environ[variable("store_key")] = base64.b64encode(os.urandom(32)).decode()
set_up_logging(_config.log_level, debug=_config.debug, file=_config.log_file)
_counted = take(os.environ)

bind = [f"[{_config.host}]:{_config.port}" if ":" in _config.host else f"{_config.host}:{_config.port}"]
workers = _config.workers
worker_class = "copilot_bridge.serving.worker.Worker"
# A thousand streams and the health check besides.
worker_connections = 4000
backlog = 2048
# Longer than nginx keeps its connections, so that it is nginx who closes them.
keepalive = 75
graceful_timeout = math.ceil(_config.graceful_timeout) + LAST_MOMENTS
logger_class = "copilot_bridge.serving.gunicorn_log.Logger"
# Long prompts' headers are short; what is larger than this is no client of ours.
limit_request_field_size = 16380
# One line per request is ours to write; gunicorn's access log would be a second one.
accesslog = None

proc_name = "copilot-bridge"
control_socket_disable = True


def post_worker_init(_worker: object) -> None:
    settle()


def on_starting(_server: object) -> None:
    raise_open_files()


def child_exit(_server: object, worker: Any) -> None:
    if _counted:
        forget(_counted, worker.pid)


def on_exit(_server: object) -> None:
    if _counted:
        remove(_counted)
