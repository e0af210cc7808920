"""A PostgreSQL of the tests' own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from processes import spawn

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def find(program: str) -> str | None:
    return shutil.which(program) or next((str(folder / program) for folder in reversed(PLACES)), None)


class Server:
    """A PostgreSQL of our own; it does not run as root.

    :param within: what puts a command elsewhere, like `ip netns exec NAME`.
    :param disk: where its files are.
    """

    def __init__(
        self, address: str = "127.0.0.1", within: tuple[str, ...] = (), disk: Path | None = None
    ) -> None:
        self.address = address
        self._within = within
        initdb, self._postgres = find("initdb"), find("postgres")
        if not initdb or not self._postgres:
            pytest.skip("PostgreSQL is not installed")
        if os.geteuid() == 0 and not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-postgres-", dir=disk))
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._call(initdb, "-D", str(self.folder / "data"), "-U", "bridge", "-A", "trust", "--no-sync")
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/24 trust\n")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.start()

    def _call(self, *command: str) -> None:
        subprocess.run([*self._as, *command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    def start(self) -> None:
        options = ["-c", "fsync=off", "-c", f"listen_addresses={self.address}", "-k", str(self.folder)]
        self._process = spawn(
            [
                *self._within,
                *(("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if self._as else ()),
                *(str(self._postgres), "-D", str(self.folder / "data"), "-p", str(self.port), *options),
            ],
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
        import psycopg

        end = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(f"postgresql://bridge@{self.address}:{self.port}/postgres").close()
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """At once: whoever is connected is cut off."""
        data = str(self.folder / "data")
        self._call(str(find("pg_ctl")), "-D", data, "-m", "immediate", "-w", "stop")
        self._process.wait(20)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        pid = self.main_pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in (pid, *map(int, children)):
            os.kill(process, number)

    @property
    def main_pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def database(self, name: str) -> str:
        import psycopg

        url = f"postgresql://bridge@{self.address}:{self.port}"
        end = time.monotonic() + 20
        while True:
            try:
                with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
                return f"{url}/{name}"
            except psycopg.OperationalError:  # it is starting up
                assert time.monotonic() < end
                time.sleep(0.05)
