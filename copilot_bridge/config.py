"""What the operator may set, where each value comes from, and what is wrong with it.

The first of these that names a setting wins: command line, environment, credential, `.env` file, default.
A field of `Config` is the one place that a setting is declared: the command line's options, the
environment's names and the settings table of the documentation all follow from it.
"""

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson
from dotenv.parser import parse_stream
from platformdirs import user_data_path

from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import HIDDEN, Secret

PREFIX = "COPILOT_BRIDGE_"
ENV_FILE = f"{PREFIX}ENV_FILE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd's name

LOG_LEVELS = ("debug", "info", "warning", "error")
ACCOUNT_TYPES = ("individual", "business", "enterprise")
SERVERS = ("gunicorn", "gevent")
PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def words(given: str) -> tuple[str, ...]:
    """Separated by commas."""
    return tuple(word(each) for each in given.split(",") if each.strip())


def key_list(given: str) -> tuple[Secret, ...]:
    return tuple(Secret(each) for each in words(given))


def share_tokens(given: str) -> tuple[tuple[Secret, Secret], ...]:
    """`share-a:ghu_x,share-b:ghu_y` -> ((share token, GitHub token), ...)."""
    found = []
    for each in words(given):
        share, _, token = each.partition(":")
        if not share.startswith("share-") or len(share) < len("share-") + 1:
            raise ValueError("a share token begins with share- (`copilot-bridge gen-share-token` prints one)")
        if not token:
            raise ValueError("expected share-...:GITHUB_TOKEN, separated by commas")
        found.append((Secret(share), Secret(token)))
    return tuple(found)


def host_names(given: str) -> tuple[str, ...]:
    for each in words(given):
        if not HOST.fullmatch(each.removeprefix("[").removesuffix("]")):
            raise ValueError("expected names of hosts, without a port, separated by commas")
    return tuple(each.lower() for each in words(given))


def page_origins(given: str) -> tuple[str, ...]:
    """As a browser spells them: without a path."""
    for each in words(given):
        parts = urlsplit(each)
        if not parts.scheme or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError(
                "expected origins like https://chat.example or http://localhost:3000; no wildcard"
            )
    return tuple(each.lower() for each in words(given))


def networks(given: str) -> tuple[str, ...]:
    """Addresses and networks."""
    for each in words(given):
        try:
            ip_network(each, strict=False)
        except ValueError as error:
            raise ValueError("expected addresses or networks like 10.0.0.0/8, separated by commas") from error
    return words(given)


def boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return word in TRUE


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.strip().isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ValueError("expected a number of seconds, more than 0 and less than 1,000,000")
    return value


def choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return text.strip().lower()

    return parse


def text(given: str) -> str:
    if not given.strip() or not given.isprintable():
        raise ValueError("expected a printable text")
    return given.strip()


def word(given: str) -> str:
    """What can stand in a header: a token that was copied from a shortened display can't (ghu_abc…)."""
    if not text(given).isascii() or " " in text(given):
        raise ValueError("expected ASCII characters and no spaces")
    return text(given)


def mapping(given: str) -> dict[str, str]:
    """{"what a client says": "what it means"}."""
    try:
        rows = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"expected a JSON object: {error}") from error
    if not isinstance(rows, dict):
        raise ValueError('expected a JSON object, like {"gpt-4": "gpt-4.1"}')
    for name, target in rows.items():
        if not name.strip() or not isinstance(target, str) or not target.strip():
            raise ValueError(f"{name!r}: expected the name of a model")
    return rows


def postgres_url(given: str) -> Secret:
    if not given.strip().startswith(("postgresql://", "postgres://")):
        raise ValueError("expected postgresql://user:password@host/database")
    return Secret(word(given))


def path(given: str) -> Path:
    return Path(text(given)).expanduser().absolute()


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+", re.IGNORECASE)


def split_url(url: str) -> SplitResult | None:
    """None if no request could go there."""
    try:
        parts = urlsplit(url)
        usable = HOST.fullmatch(parts.hostname or "") and ".." not in url and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if usable else None


def base_url(given: str) -> str:
    """An https address without a path's last slash; plain http is for loopback only."""
    parts = split_url(given.strip())
    if not parts or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise ValueError("expected an address like https://api.github.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("plain http is accepted on loopback only; use https")
    return given.strip().rstrip("/")


def enterprise(given: str) -> str:
    """`octo.ghe.com` or `https://octo.ghe.com`, as the host alone."""
    url = given.strip() if "://" in given else f"https://{given.strip()}"
    parts = split_url(url)
    if (
        not parts
        or parts.scheme != "https"
        or parts.netloc.lower() != parts.hostname
        or "." not in parts.netloc
    ):
        raise ValueError("expected your enterprise's host, like octo.ghe.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected a host alone, like octo.ghe.com")
    return parts.hostname


def proxy_url(given: str) -> str:
    url = given.strip() if "://" in given else f"http://{given.strip()}"
    parts = split_url(url)
    if not parts or parts.scheme not in PROXY_SCHEMES:
        raise ValueError(f"expected an address like http://proxy:3128 ({', '.join(PROXY_SCHEMES)})")
    return url.rstrip("/")


def default_home() -> Path:
    """systemd's state directory where there is one, else the user's data directory."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state) if state else user_data_path("copilot-bridge")


def setting(
    parse: Callable[[str], Any],
    about: str,
    *,
    default: Any = None,
    factory: Callable[[], Any] | None = None,
    flags: tuple[str, ...] = (),
    alias: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of Config.

    :param flags: its options.
    :param alias: the short name of its environment variable.
    :param secret: a malformed value is not shown.
    """
    metadata = {"parse": parse, "about": about, "flags": flags, "alias": alias, "secret": secret}
    if factory:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting.  Times are in seconds."""

    host: str = setting(text, "listen address", default="127.0.0.1", flags=("--host",), alias="HOST")
    port: int = setting(whole(0, 65535), "port", default=4141, flags=("--port", "-p"), alias="PORT")
    workers: int = setting(whole(1, 64), "gunicorn workers", default=1, flags=("--workers",))
    server: str = setting(
        choice(*SERVERS),
        "WSGI server: gunicorn, or gevent's own (always on Windows)",
        default="gevent" if os.name == "nt" else "gunicorn",
        flags=("--server",),
    )
    graceful_timeout: float = setting(
        seconds,
        "how long running streams may go on after SIGTERM",
        default=30.0,
        flags=("--graceful-timeout",),
    )
    home: Path = setting(
        path, "data directory: the store and its key", factory=default_home, flags=("--home",)
    )
    cache: bool = setting(
        boolean,
        "keep logins, tokens, keys and the request log in the store; else in memory only",
        default=True,
        flags=("--cache/--no-cache",),
        alias="CACHE",
    )
    cache_path: Path | None = setting(
        path,
        "the store's file, where it is not in the data directory",
        flags=("--cache-path",),
        alias="CACHE_PATH",
    )
    database_url: Secret = setting(
        postgres_url,
        "PostgreSQL database for the store, to be shared by several machines",
        default=Secret(),
        secret=True,
    )
    store_key: Secret = setting(
        lambda given: Secret(word(given)),
        "key that seals the secrets in the store, 32 bytes in base64; normally a file of its own",
        default=Secret(),
        secret=True,
    )
    github_token: Secret = setting(
        lambda given: Secret(word(given)),
        "GitHub token to use instead of the stored login",
        default=Secret(),
        flags=("--github-token", "-g"),
        alias="GH_TOKEN",
        secret=True,
    )
    api_key: tuple[Secret, ...] = setting(
        key_list,
        "key that callers have to give (the option may be repeated; elsewhere separated by commas)",
        default=(),
        flags=("--api-key",),
        alias="API_KEY",
        secret=True,
    )
    share_token: tuple[tuple[Secret, Secret], ...] = setting(
        share_tokens,
        "share tokens and the GitHub tokens that they stand for: share-a:ghu_x,share-b:ghu_y",
        default=(),
        flags=("--share-token",),
        alias="SHARE_TOKEN",
        secret=True,
    )
    allow_github_tokens: bool = setting(
        boolean,
        "callers may give a GitHub token of their own as key, and use their own plan",
        default=False,
        flags=("--allow-github-tokens",),
    )
    insecure_no_key: bool = setting(
        boolean, "let everybody in without a key, wherever from", default=False, flags=("--insecure-no-key",)
    )
    allowed_host: tuple[str, ...] = setting(
        host_names,
        "names that the bridge may be called by, besides its own",
        default=(),
        flags=("--allowed-host",),
    )
    cors_origin: tuple[str, ...] = setting(
        page_origins,
        "web pages that may send requests: https://chat.example",
        default=(),
        flags=("--cors-origin",),
    )
    trusted_proxy: tuple[str, ...] = setting(
        networks,
        "proxies whose word on who asks is believed",
        default=("127.0.0.0/8", "::1"),
        flags=("--trusted-proxy",),
    )
    rate_limit: float | None = setting(
        seconds, "least seconds between two requests to Copilot, per account", flags=("--rate-limit", "-r")
    )
    wait: bool = setting(
        boolean,
        "let requests that come too early wait instead of refusing them",
        default=False,
        flags=("--wait", "-w"),
    )
    max_concurrent: int | None = setting(
        whole(1, 10_000), "most requests at a time, per account", flags=("--max-concurrent",)
    )
    max_waiting: int = setting(
        whole(1, 100_000),
        "most requests that wait at a time, per account",
        default=200,
        flags=("--max-waiting",),
    )
    rest: bool = setting(
        boolean,
        "after a refusal for the rate leave the account alone for as long as Copilot asks",
        default=True,
    )
    manual: bool = setting(
        boolean, "ask the operator before each request is sent", default=False, flags=("--manual",)
    )
    manual_timeout: float = setting(
        seconds,
        "how long a request waits for the operator's answer",
        default=300.0,
        flags=("--manual-timeout",),
    )
    log_days: int = setting(
        whole(0, 36_500),
        "days that the request log in the store goes back; 0: none",
        default=30,
        flags=("--log-days",),
    )
    log_rows: int = setting(whole(1, 10**9), "most requests in it", default=1_000_000)
    account_type: str | None = setting(
        choice(*ACCOUNT_TYPES),
        "plan: individual, business or enterprise; normally GitHub says it",
        flags=("--account-type", "-a"),
    )
    enterprise_url: str | None = setting(
        enterprise, "GitHub Enterprise with data residency, like octo.ghe.com", flags=("--enterprise-url",)
    )
    github_url: str | None = setting(base_url, "GitHub's address (https://github.com)")
    github_api_url: str | None = setting(base_url, "address of GitHub's API (https://api.github.com)")
    copilot_api_url: str | None = setting(base_url, "address of Copilot's API; normally the token says it")
    model_mapping: Mapping[str, str] | None = setting(
        mapping,
        "JSON: client's name for a model -> Copilot's; replaces the built-in mapping",
        flags=("--model-mapping",),
        alias="MODEL_MAPPING",
    )
    proxy: str | None = setting(
        proxy_url, "proxy for all outgoing requests (http, https, socks5)", flags=("--proxy",)
    )
    proxy_env: bool = setting(
        boolean,
        "take the proxy from ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
        default=True,
        flags=("--proxy-env/--no-proxy-env",),
    )
    log_level: str = setting(
        choice(*LOG_LEVELS),
        "debug, info, warning or error",
        default="info",
        flags=("--log-level",),
        alias="LOG_LEVEL",
    )
    log_file: Path | None = setting(
        path, "file for the server's log, renamed at 10 MB; 5 such are kept", flags=("--log-file",)
    )
    debug: bool = setting(
        boolean, "log level debug, for the libraries too", default=False, flags=("--debug",), alias="DEBUG"
    )
    show_token: bool = setting(
        boolean, "print tokens in full where they are shown masked", default=False, flags=("--show-token",)
    )
    connect_timeout: float = setting(seconds, "longest wait for a connection to upstream", default=10.0)
    read_timeout: float = setting(seconds, "longest silence between two bytes of upstream", default=600.0)
    keepalive: float = setting(
        seconds, "silence after which a stream gets a keep-alive comment", default=15.0
    )
    keep_copilot_fields: bool = setting(
        boolean, "leave Copilot's own fields (copilot_*, content filters) in replies", default=False
    )
    fast_delivery: bool = setting(
        boolean,
        "take streams from upstream's socket itself; off: read them by requests, which costs more",
        default=True,
    )
    response_memory: int = setting(
        whole(0, 65536),
        "megabytes of conversations kept for an hour, sealed, for previous_response_id; 0: none",
        default=64,
    )
    editor_version: str = setting(word, "the editor that Copilot is told", default="vscode/1.110.0")
    plugin_version: str = setting(
        word, "the editor plugin that Copilot is told", default="copilot-chat/0.42.0"
    )
    integration_id: str | None = setting(word, "Copilot-Integration-Id, where the usual one is refused")
    api_version: str = setting(word, "X-GitHub-Api-Version of requests to Copilot", default="2025-05-01")

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def load(
        cls,
        flags: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        env_file: Path | None = None,
    ) -> "Config":
        """The settings in force.  Raises ConfigError: a setting is unknown or malformed.

        :param flags: field name -> text, as given on the command line.
        :param env_file: a file that must exist; without it `.env` in the working directory, if there.
        """
        environ = os.environ if environ is None else environ
        sources = [
            flag_source(flags or {}),
            variable_source(environ, "environment"),
            credential_source(environ),
        ]
        if file := find_env_file(environ, env_file):
            sources.append(variable_source(read_env_file(file), str(file)))
        given: dict[str, tuple[str, str]] = {}
        for source in sources:
            given = source | given
        values = {name: parse(name, raw, origin) for name, (raw, origin) in given.items()}
        return cls(**values, origins={name: origin for name, (_, origin) in given.items()})

    @classmethod
    def from_environment(cls) -> "Config":
        return cls.load()

    def environ(self) -> dict[str, str]:
        """The environment that makes another process load these very settings."""
        nothing = {each.metadata["alias"]: "" for each in settings() if each.metadata["alias"]} | {
            ENV_FILE: ""
        }
        return nothing | {variable(each.name): spell(getattr(self, each.name)) for each in settings()}

    def origin(self, name: str) -> str:
        return self.origins.get(name, "default")


def settings() -> list[Field[Any]]:
    return [each for each in fields(Config) if "parse" in each.metadata]


def variable(name: str) -> str:
    return PREFIX + name.upper()


def spell(value: object) -> str:
    """A setting's value as it would be written in the environment, where an empty one is none."""
    if value is None:
        return ""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        pairs = any(isinstance(each, tuple) for each in value)
        return ",".join(":".join(map(spell, each)) if pairs else spell(each) for each in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


SECRETS = [each for each in settings() if each.metadata["secret"]]
BY_NAME = {each.name: each for each in settings()}
FIELD_OF_VARIABLE = {each.metadata["alias"]: each.name for each in settings() if each.metadata["alias"]} | {
    variable(each.name): each.name for each in settings()
}
Source = dict[str, tuple[str, str]]  # field name -> (text, where it was found)


def flag_source(flags: Mapping[str, str]) -> Source:
    return {name: (raw, f"option {option(name)}") for name, raw in flags.items()}


def option(name: str) -> str:
    flags: tuple[str, ...] = BY_NAME[name].metadata["flags"]
    return flags[0]


def variable_source(variables: Mapping[str, str], place: str) -> Source:
    """Raises ConfigError: a name with our prefix that is no setting."""
    unknown = [name for name in variables if name.startswith(PREFIX) and name not in FIELD_OF_VARIABLE]
    if unknown := sorted(set(unknown) - {ENV_FILE}):
        hint = difflib.get_close_matches(unknown[0], FIELD_OF_VARIABLE, n=1)
        # Not its value: it may be a secret under a misspelt name.
        raise ConfigError(
            f"unknown setting {unknown[0]} ({place}){'; did you mean ' + hint[0] + '?' if hint else ''}"
        )
    # Short aliases come first in the table, so the full name overwrites them.
    return {
        name: (variables[key], f"{place}: {key}")
        for key, name in FIELD_OF_VARIABLE.items()
        if variables.get(key)
    }


def credential_source(environ: Mapping[str, str]) -> Source:
    """Secrets as systemd's `LoadCredential=` and containers give them: a file each, like `github-token`.

    :raises ConfigError: there is one, and it can't be read.
    """
    directory = environ.get(CREDENTIALS)
    files = {each.name: Path(directory, each.name.replace("_", "-")) for each in SECRETS} if directory else {}
    found = {name: (read_credential(file), str(file)) for name, file in files.items()}
    return {name: given for name, given in found.items() if given[0]}


def read_credential(file: Path) -> str:
    """Empty if there is none."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"can't read the credential {file}: {reason}") from error


# Greedy: a malformed address may have it anywhere.
PASSWORD = re.compile(r"^([a-z0-9+]+://)?[^:]*:.*@", re.DOTALL | re.IGNORECASE)


def parse(name: str, raw: str, origin: str) -> Any:
    try:
        return BY_NAME[name].metadata["parse"](raw)
    except (ValueError, RuntimeError) as error:  # RuntimeError: "~nobody" in a path
        shown = HIDDEN if BY_NAME[name].metadata["secret"] else repr(PASSWORD.sub(rf"\1{HIDDEN}@", raw))
        raise ConfigError(f"{name.replace('_', '-')}: {shown} ({origin}): {error}") from error


def find_env_file(environ: Mapping[str, str], given: Path | None) -> Path | None:
    """An empty COPILOT_BRIDGE_ENV_FILE means: none at all."""
    if named := given or environ.get(ENV_FILE):
        return Path(named).expanduser()
    usual = Path(".env")
    try:
        return usual if ENV_FILE not in environ and usual.is_file() else None
    except PermissionError:  # `sudo -u copilot-bridge ...`, in a home that is its owner's alone
        return None


def read_env_file(path: Path) -> dict[str, str]:
    """Raises ConfigError: not there, not readable, or a line that is no NAME=value."""
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"can't read the settings in {path}: {reason}") from error
    for binding in bindings:
        if binding.error or (binding.key and binding.value is None):
            raise ConfigError(f"{path}, line {binding.original.line}: expected NAME=value")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
