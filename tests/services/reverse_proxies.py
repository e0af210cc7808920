"""Real nginx and Caddy before the bridge, over TLS, with what nginx/ holds: a site, or a path of one."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest
from integration.browser import Browser
from integration.harness import PATIENCE, ROOT, Stream, chat_body, head
from processes import spawn
from requests.adapters import HTTPAdapter

NAME = "bridge.example.com"
OPERATOR = "key-of-the-operator"
PLACES = f"{os.environ['PATH']}:/usr/sbin"
MAIN = """
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/site.conf;
}}
"""
ANOTHERS = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}/cert.pem;
    ssl_certificate_key {certificate}/key.pem;
    {location}
}}
"""


class Front(ABC):
    """:param upstream: where the bridge listens.  :param below: it has a path of somebody else's site."""

    program: str

    def __init__(self, here: Path, certificate: Path, upstream: str, *, below: bool = False) -> None:
        self.found = find(self.program)
        self.certificate = certificate
        self.prefix = "/bridge" if below else ""
        self.address = ("127.0.0.1", free_port())
        self.url = f"https://127.0.0.1:{self.address[1]}{self.prefix}"
        self._here = here
        self._trust = ssl.create_default_context(cafile=certificate / "cert.pem")
        command = self._prepare(upstream)
        self._log = (here / "front.log").open("wb")
        self.process = spawn(
            command,
            cwd=here,
            env={**os.environ, "HOME": str(here), "XDG_DATA_HOME": str(here), "XDG_CONFIG_HOME": str(here)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._await()

    @abstractmethod
    def _prepare(self, upstream: str) -> list[str]:
        """Writes the settings; gives the command."""

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, Path(self._log.name).read_text()
            try:
                socket.create_connection(self.address).close()
            except ConnectionRefusedError:
                time.sleep(0.01)  # nothing tells from outside that it listens
            else:
                return
        raise AssertionError(f"{self.program} does not listen")

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        sock = socket.create_connection(self.address, timeout=PATIENCE, source_address=(source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._trust.wrap_socket(sock, server_hostname=NAME)

    def ask(self, body: bytes, source: str = "127.0.0.1", **headers: str) -> Stream:
        """A chat under way."""
        return self.ask_on(self.connect(source), body, **headers)

    def ask_on(self, sock: ssl.SSLSocket, body: bytes, **headers: str) -> Stream:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"{self.prefix}/v1/chat/completions"
        sock.sendall(head("POST", path, body, {"Host": NAME, "x-api-key": OPERATOR, **fields}) + body)
        return Stream(sock)

    def browse(self) -> Browser:
        """On the public name, as if it led here."""
        browser = Browser(self, Host=NAME)  # type: ignore[arg-type] - it wants its address alone
        browser.session.mount("https://", Named())
        browser.session.trust_env = False  # which may name other certificates
        browser.session.verify = str(self.certificate / "cert.pem")
        return browser

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._log.close()


class Nginx(Front):
    program = "nginx"

    def _prepare(self, upstream: str) -> list[str]:
        site = replace(shipped("copilot-bridge.conf"), {"server 127.0.0.1:4141;": f"server {upstream};"})
        self.plain = ("127.0.0.1", free_port())
        site = self._below(site) if self.prefix else self._whole(site)
        (self._here / "site.conf").write_text(site)
        (self._here / "nginx.conf").write_text(MAIN.format(here=self._here))
        return [self.found, "-p", str(self._here), "-c", str(self._here / "nginx.conf")]

    def _whole(self, site: str) -> str:
        ours = {
            "listen 80;": f"listen 127.0.0.1:{self.plain[1]};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.address[1]} ssl http2;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": f"{self.certificate}/cert.pem",
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": f"{self.certificate}/key.pem",
        }
        return replace(site, ours)

    def _below(self, site: str) -> str:
        around, _, _ = site.partition("\nserver {")
        server = ANOTHERS.format(
            port=self.address[1], certificate=self.certificate, location=commented(site, "location /bridge/")
        )
        return around + server


class Caddy(Front):
    program = "caddy"

    def _prepare(self, upstream: str) -> list[str]:
        given = shipped("Caddyfile")
        site = "bridge.example.com {"
        files = f"{self.certificate}/cert.pem {self.certificate}/key.pem"
        ours = f"{NAME}:{self.address[1]} {{\n\tbind 127.0.0.1\n\ttls {files}"
        if self.prefix:
            block = commented(given, "handle_path /bridge/*")
            text = f"{ours}\n{replace(block, {'127.0.0.1:4141': upstream})}\n}}"
        else:
            text = replace(
                given, {site: ours, "\treverse_proxy 127.0.0.1:4141": f"\treverse_proxy {upstream}"}, 1
            )
        (self._here / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}\n")
        return [self.found, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


class Named(HTTPAdapter):
    """Connects to any address, and expects our name there."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, server_hostname=NAME, assert_hostname=NAME)


def find(program: str) -> str:
    return shutil.which(program, path=PLACES) or pytest.skip(f"{program} is not here")


def shipped(name: str) -> str:
    return (ROOT / "nginx" / name).read_text()


def replace(text: str, ours: dict[str, str], times: int = 1) -> str:
    for theirs, our in ours.items():
        assert text.count(theirs) >= times, theirs
        text = text.replace(theirs, our, times)
    return text


def commented(text: str, begin: str) -> str:
    """A block that is there for whoever removes its #."""
    found = re.search(rf"^#{re.escape(begin)} {{$.*?^#}}$", text, re.MULTILINE | re.DOTALL)
    assert found, begin
    return re.sub("^#", "", found[0], flags=re.MULTILINE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def body_of(text: str, **more: object) -> bytes:
    return json.dumps(chat_body(text, "gpt-4o", **more)).encode()
