"""Runs a server's module, so that Ctrl-C ends it quietly even while it is still being imported.

`python -m copilot_bridge.serving.launch gunicorn ...`; the servers set up their own signals later.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import os  # noqa: E402
import runpy  # noqa: E402
import sys  # noqa: E402

from copilot_bridge.serving.streams import speak_into_the_void  # noqa: E402

# gunicorn's names for what is a setting of the bridge.  It reads them as it is imported, and ends where they
# are meant for another program and make no sense to it.
NAMES_OF_GUNICORN = ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")

if __name__ == "__main__":
    for each in NAMES_OF_GUNICORN:
        os.environ.pop(each, None)
    speak_into_the_void()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
