"""Runs a server's module, so that Ctrl-C ends it quietly even while it is still being imported.

`python -m copilot_bridge.serving.launch gunicorn ...`; the servers set up their own signals later.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import runpy  # noqa: E402
import sys  # noqa: E402

from copilot_bridge.serving.streams import speak_into_the_void  # noqa: E402

if __name__ == "__main__":
    speak_into_the_void()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
