"""Runs a server's module, so that Ctrl-C ends it quietly even while it is still being imported.

`python -m copilot_bridge.serving.launch gunicorn ...`; the servers set up their own signals later.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import os  # noqa: E402
import runpy  # noqa: E402
import sys  # noqa: E402

from copilot_bridge.serving.garbage_collector import pause_garbage_collector  # noqa: E402
from copilot_bridge.serving.standard_streams import ensure_standard_streams  # noqa: E402

# Variables that gunicorn reads when it is imported.  The bridge has settings of its own for them, and
# gunicorn fails on values that are meant for another program.
GUNICORN_VARIABLES = ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")

if __name__ == "__main__":
    for name in GUNICORN_VARIABLES:
        os.environ.pop(name, None)
    ensure_standard_streams()
    pause_garbage_collector()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
