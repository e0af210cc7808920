"""Starts what is measured, pins it to a core, weighs it, and stops it, by its process id, in any case."""

import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import certifi

HOST = "127.0.0.1"
HERE = Path(__file__).resolve().parent.parent
BACKLOG = 4096
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 10.0  # seconds, for a process to start or to end
PR_SET_PDEATHSIG = 1
CPUCLOCK_SCHED = 2

BUNDLE = "bundle.pem"
CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
CERTIFICATE += " -addext subjectAltName=IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3"

# Which core does what.  The kernel is asked once; where it refuses, everything goes on unpinned.
SERVER_CORE, LOAD_CORE = 0, 1

NGINX = """\
{user}
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    keepalive_requests 1000000;
    upstream copilot {{
        server {host}:{upstream};
        keepalive 2048;
        keepalive_requests 1000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen {host}:{port} backlog=4096;
        location /v1/ {{
            proxy_pass {scheme}://copilot/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""


class NotStartedError(Exception):
    """A process that is to be measured does not run."""


def pin(core: int) -> bool:
    """This process and all that it starts from now on.  False: it can't be pinned."""
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    return True


def max_open_files() -> int:
    """Raise the limit of open files as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    maximum = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, hard))
    return maximum


def prepare(core: int, parent: int) -> Callable[[], None]:
    """What a child does before it becomes the program: its core, and not to outlive the bench."""
    libc = ctypes.CDLL(None)

    def run() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        pin(core)

    return run


@dataclass
class Server:
    """A running program.

    `began`: when it was started, on the monotonic clock, ns.  `certificate`: of one that speaks TLS.
    """

    name: str
    address: tuple[str, int]
    process: subprocess.Popen[bytes]
    log: Path
    began: int
    certificate: Path | None = None
    _tree: list[int] = field(default_factory=list)

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address[0]}:{self.address[1]}"

    def find_processes(self) -> None:
        """Find the processes of this server.  It is called after the first response."""
        self._tree = tree(self.process.pid)

    def cpu(self) -> int:
        """User and system time of its processes, ns."""
        return sum(map(cpu_time, self._tree))

    def memory(self) -> int:
        """Bytes that its processes take together: pages that they share count once (PSS)."""
        return sum(map(proportional, self._tree))

    def rss(self) -> int:
        """Bytes, with the pages that its processes share counted for each of them."""
        return sum(resident(pid) for pid in self._tree)

    def reset_peak(self) -> None:
        for pid in self._tree:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """Bytes, the most of each process since `reset_peak`."""
        return sum(peak_resident(pid) for pid in self._tree)

    def files(self) -> int:
        """Open descriptors."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self._tree)  # noqa: PTH208 - they vanish

    @property
    def pids(self) -> list[int]:
        return self._tree

    def stop(self) -> None:
        """Ask, then insist."""
        children = tree(self.process.pid)[1:] if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in children:
            if parent_of(pid) in (1, self.process.pid):
                kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    found, at = [root], 0
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    parents = {pid: parent_of(pid) for pid in pids}
    while at < len(found):
        found += [pid for pid, parent in parents.items() if parent == found[at]]
        at += 1
    return found


def cpu_time(pid: int) -> int:
    """ns, by the clock that the kernel keeps for each process: with that of threads that have ended.

    `clock_getcpuclockid(3)` makes its number in this way; the tasks in `/proc` are those that live.
    """
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def proportional(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("\nPss:")[2].split(maxsplit=1)[0]) * 1024


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def peak_resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def busy(core: int) -> tuple[int, int]:
    """(ticks that a core was busy with anybody's work, ticks that the host took from it) since boot."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, soft, steal = map(int, numbers[:8])
            return user + nice + system + irq + soft, steal
    return 0, 0


class ProcessGroup:
    """Starts programs and owns them: all of them are stopped when it is left.

    `spent`: ns of CPU of those on the servers' core that have ended; what else was spent there is others'.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path()
        self.files = 0
        self.spent = 0

    def __enter__(self) -> "ProcessGroup":
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.files = max_open_files()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def run(
        self,
        name: str,
        command: Sequence[str],
        address: tuple[str, int],
        *,
        core: int,
        keep: Sequence[int] = (),
        environ: Mapping[str, str] | None = None,
    ) -> Iterator[Server]:
        """:param keep: file descriptors that it inherits."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            began = time.monotonic_ns()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={**plain_environ(), **(environ or {})},
                pass_fds=keep,
                start_new_session=True,  # Ctrl-C is for us; we pass it on
                preexec_fn=prepare(core, os.getpid()),
            )
        server = Server(name, address, process, log, began)
        try:
            yield server
        finally:
            if core == SERVER_CORE:
                with suppress(OSError):  # it may have ended by itself
                    server.find_processes()
                    self.spent += server.cpu()
            server.stop()

    @contextmanager
    def upstream(self, certificate: Path | None = None, refresh_in: int = 80000) -> Iterator[Server]:
        """Start upstream, over TLS if there is a certificate.  :param refresh_in: seconds, of its tokens."""
        with listening() as (listener, address):
            command = [sys.executable, "-m", "bench.upstream", str(listener.fileno())]
            command += [str(certificate), str(refresh_in)] if certificate else []
            keep = [listener.fileno()]
            environ = {"PYTHONPATH": str(HERE)}
            name = "secure upstream" if certificate else "upstream"
            with self.run(name, command, address, core=LOAD_CORE, keep=keep, environ=environ) as server:
                listener.close()
                server.certificate = certificate
                server.find_processes()
                yield server

    def certificate(self) -> Path | None:
        """One for loopback, with its key, that nobody has signed; None: nothing here makes one.

        Beside it `bundle.pem` has it among the usual ones, for they are read for each new connection.
        """
        openssl = shutil.which("openssl")
        if not openssl:
            return None
        made, key = self.folder / "certificate.pem", self.folder / "key.pem"
        command = [openssl, *CERTIFICATE.split(), "-keyout", str(key), "-out", str(made)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        (self.folder / BUNDLE).write_bytes(Path(certifi.where()).read_bytes() + made.read_bytes())
        made.write_bytes(made.read_bytes() + key.read_bytes())
        return made

    @contextmanager
    def bridge(
        self, name: str, checkout: Path, upstream: Server, settings: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """As a user has it: gunicorn, one worker, the default settings; its log goes to a file.

        :param settings: those that are to be others, by their names in the environment.
        """
        environ = self._environ(checkout, upstream) | {"COPILOT_BRIDGE_GITHUB_TOKEN": "ghu_bench"}
        environ |= settings or {}
        config = "python:copilot_bridge.serving.gunicorn_settings"
        with listening() as (listener, address):
            bind = f"fd://{listener.fileno()}"
            command = [sys.executable, "-m", "gunicorn", "-c", config, "-b", bind]
            command.append("copilot_bridge.app:create_app()")
            keep = [listener.fileno()]
            with self.run(name, command, address, core=SERVER_CORE, keep=keep, environ=environ) as server:
                listener.close()
                yield server

    @contextmanager
    def started(
        self, name: str, checkout: Path, upstream: Server, settings: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """By `copilot-bridge start`, with a stored login.

        :param settings: those that are to be others, by their names in the environment.
        """
        environ = self._environ(checkout, upstream) | (settings or {})
        host = environ["COPILOT_BRIDGE_GITHUB_API_URL"]
        login = {"user": "bench", "token": "ghu_bench", "host": host, "added": int(time.time())}
        logins = Path(environ["COPILOT_BRIDGE_HOME"]) / "logins.json"
        logins.write_text(json.dumps({"logins": [login]}))
        address = (HOST, free_port())
        command = [sys.executable, "-m", "copilot_bridge", "start", "--port", str(address[1])]
        with self.run(name, command, address, core=SERVER_CORE, environ=environ) as server:
            await_port(server)
            yield server

    def _environ(self, checkout: Path, upstream: Server) -> dict[str, str]:
        """The settings of a bridge of its own, and nobody else's."""
        addresses = ("GITHUB_URL", "GITHUB_API_URL", "COPILOT_API_URL")
        environ = {
            "PYTHONPATH": str(checkout),
            "COPILOT_BRIDGE_ENV_FILE": "",
            "COPILOT_BRIDGE_HOME": tempfile.mkdtemp(dir=self.folder),
            "COPILOT_BRIDGE_WORKERS": "1",
            **{f"COPILOT_BRIDGE_{name}": upstream.url for name in addresses},
        }
        trusted = {"SSL_CERT_FILE": str(self.folder / BUNDLE)}
        return environ | (trusted if upstream.certificate else {})

    @contextmanager
    def nginx(self, upstream: Server) -> Iterator[Server]:
        """A plain reverse proxy.  Raises NotStartedError: there is none."""
        if not (program := find_nginx()):
            raise NotStartedError("nginx is not installed: the bridge is measured without it")
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        port = free_port()
        config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(
            NGINX.format(
                user=user,
                files=self.files,
                folder=folder,
                host=HOST,
                port=port,
                upstream=upstream.address[1],
                scheme=upstream.scheme,
            )
        )
        command = [program, "-p", str(folder), "-e", str(folder / "start.log"), "-c", str(config)]
        with self.run("nginx", command, (HOST, port), core=SERVER_CORE) as server:
            await_port(server)
            yield server


def find_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def listening() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    """A bound socket for a child to serve on: clients can connect before the child is up.

    As `copilot-bridge start` does, it sets TCP_NODELAY at once: what is accepted inherits it.
    """
    with socket.create_server((HOST, 0), backlog=BACKLOG) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener, listener.getsockname()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def await_port(server: Server) -> None:
    """Raises NotStartedError: it ended, or does not listen in time."""
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and server.process.poll() is None:
        try:
            socket.create_connection(server.address, timeout=1).close()
        except OSError:
            time.sleep(0.002)
        else:
            return
    raise NotStartedError(f"{server.name} does not start: {server.log.read_text()[-500:]}")


def plain_environ() -> dict[str, str]:
    """No proxy, no settings of the user's own bridge."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


class Instructions:
    """Counts what processes execute in user space, by `perf stat`; None where the machine can't."""

    EVENT = "instructions:u"

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._perf: subprocess.Popen[str] | None = None
        self.count: int | None = None

    @classmethod
    def countable(cls) -> bool:
        try:
            done = subprocess.run(
                ["perf", "stat", "-x,", "-e", cls.EVENT, "true"],
                capture_output=True,
                text=True,
                timeout=START_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return read_count(done.stderr) is not None

    def __enter__(self) -> "Instructions":
        if self._pids:
            pids = ",".join(map(str, self._pids))
            command = ["perf", "stat", "-x,", "-e", self.EVENT, "-p", pids]
            self._perf = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            time.sleep(0.1)  # until it has attached
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._perf is not None:
            self._perf.send_signal(signal.SIGINT)
            self.count = read_count(self._perf.communicate(timeout=START_TIMEOUT)[1])


def read_count(output: str) -> int | None:
    """`1234,,instructions:u,...` -> 1234"""
    for line in output.splitlines():
        first, _, rest = line.partition(",")
        if Instructions.EVENT in rest and first.isdecimal():
            return int(first)
    return None
