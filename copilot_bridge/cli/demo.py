"""The demo: a bridge on the built-in simulator, with a data directory of its own.

`start --simulate` runs it; other commands join the one that is running, or start a simulator for themselves.
"""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.redaction import Secret

WINDOWS = os.name == "nt"

ACCOUNT = "ghu_sim_demo"  # the simulator's ordinary account
FOLDER = "simulator"
STATE = "running.json"  # {"url": of the simulator}
CONNECT_TIMEOUT = 0.5  # seconds


def demo_store(config: Config) -> Config:
    """The same settings with the demo's data directory and account."""
    return replace(
        config,
        home=config.home / FOLDER,
        store_path=None,
        database_url=type(config)().database_url,
        github_token=Secret(ACCOUNT),
    )


def real_home(config: Config) -> Path:
    """The data directory of the real bridge, also with the demo's settings."""
    return config.home.parent if config.home.name == FOLDER else config.home


def demo_upstream(config: Config, url: str) -> Config:
    """The same settings with the simulator instead of GitHub and Copilot."""
    return replace(
        config,
        github_url=url,
        github_api_url=url,
        copilot_api_url=None,
        enterprise_url=None,
        account_type=None,
    )


def join_demo(config: Config, *, asks_copilot: bool) -> Config:
    """The settings of the running demo.

    :param asks_copilot: a simulator is started if no demo is running.
    """
    demo = demo_store(config)
    url = running_simulator(demo.home)
    if url is None and asks_copilot:
        url = start_simulator()
    return demo_upstream(demo, url) if url else demo


def running_simulator(home: Path) -> str | None:
    """The address of the running demo's simulator.

    :param home: the demo's data directory.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        url = str(json.loads((home / STATE).read_text())["url"])
        parts = urlsplit(url)
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=CONNECT_TIMEOUT).close()
        return url
    return None


def announce_simulator(home: Path, url: str) -> None:
    """Write down where the simulator listens, so that other commands can join the demo."""
    with suppress(OSError):  # only those commands miss it
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / STATE).touch(mode=0o600)
        (home / STATE).write_text(json.dumps({"url": url}))


def start_simulator() -> str:
    """Run the simulator until this process, or the server that takes its place, has ended; its address.

    It reads a pipe whose other end only this process holds; the system closes that end when it dies.
    """
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_bridge.simulator", "--exit-with-stdin"],
        stdin=reading,
        stdout=subprocess.PIPE,
        start_new_session=not WINDOWS,  # Ctrl-C is for us; running streams may still need it
    )
    os.close(reading)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BridgeError("the simulator did not start")
    return str(json.loads(line)["url"])
