"""`python -m copilot_bridge.simulator`: serves until a signal, or until stdin ends."""

# Patched before anything imports sockets, so the imports below come late.
from gevent import events, monkey

# A search for gevent's plugins, for each of thirty events, would take most of the start.
events.notify_and_call_entry_points = events.notify
monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from gevent.socket import wait_read  # noqa: E402

from copilot_bridge.simulator import control, server  # noqa: E402


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m copilot_bridge.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--pace", type=float, default=25.0, metavar="MS", help="between text events (default: 25)"
    )
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="end when stdin does: dies with its parent"
    )
    parser.add_argument("--verbose", action="store_true", help="an access log on stderr")
    parser.add_argument(
        "--list", action="store_true", help="list personas, directives and scenarios, and end"
    )
    return parser.parse_args()


def wait_for_stdin(running: server.Server) -> None:
    """Stops the server at the end of stdin; what arrives before is ignored."""
    # Waited for and then read, so that the descriptor, which the parent may share, stays a blocking one.
    stdin = sys.stdin.fileno()
    wait_read(stdin)
    while os.read(stdin, 4096):
        wait_read(stdin)
    running.stop(timeout=0)


def main() -> None:
    arguments = read_arguments()
    if arguments.list:
        print("\n".join(control.overview_lines()))
        return
    try:
        listener = server.listen(arguments.port)
    except OSError as error:
        raise SystemExit(f"can't listen on port {arguments.port}: {error.strerror}") from error
    running = server.build(listener, arguments.pace / 1000, arguments.verbose)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, running.stop, timeout=0)
    running.start()
    print(json.dumps({"url": server.url(listener)}), flush=True)
    if arguments.exit_with_stdin:
        gevent.spawn(wait_for_stdin, running)
    running.serve_forever(stop_timeout=0)


if __name__ == "__main__":
    main()
