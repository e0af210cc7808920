"""Every setting: a field of `Config` is the one place where it is declared.

The options of the command line, the variables of the environment and the table in the documentation all
follow from it.  The module is long because it is one table, in which a setting is found, read and added.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from copilot_bridge.config import plausibility
from copilot_bridge.config.parsers import (
    base_url,
    boolean,
    choice,
    enterprise,
    fallbacks,
    host_names,
    key_list,
    listen_host,
    mapping,
    networks,
    page_origins,
    path,
    postgres_url,
    proxy_url,
    seconds,
    secret_word,
    share_tokens,
    text,
    web_address,
    whole,
    word,
)
from copilot_bridge.config.plausibility import IsPlausible, parses
from copilot_bridge.redaction import Secret

PREFIX = "COPILOT_BRIDGE_"
ENV_FILE = f"{PREFIX}ENV_FILE"

LOG_LEVELS = ("debug", "info", "warning", "error")
ACCOUNT_TYPES = ("individual", "business", "enterprise")
AUTO_TIERS = ("efficiency", "balance", "intelligence")
WEB_SEARCH = ("auto", "responses", "mcp", "off")
SERVERS = ("gunicorn", "gevent")


def default_home() -> Path:
    """The data directory: systemd's state directory where there is one, else the user's."""
    if state := os.environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(state)
    from platformdirs import user_data_path  # `start` passes the directory on to the server

    return user_data_path("copilot-bridge")


def setting(
    parse: Callable[[str], Any],
    about: str,
    *,
    default: Any = None,
    factory: Callable[[], Any] | None = None,
    flags: tuple[str, ...] = (),
    alias: str | None = None,
    former: str | None = None,
    plausible: IsPlausible | None = None,
    secret: bool = False,
) -> Any:
    """Declare a field of Config.

    :param flags: the options that set it.
    :param alias: the short name of its environment variable.
    :param former: the name of the field in earlier versions; its environment variable still works.
    :param plausible: returns whether a value of the short name is meant for us; by default, any valid one.
    :param secret: a malformed value is not shown.
    """
    metadata = {
        "parse": parse,
        "about": about,
        "flags": flags,
        "alias": alias,
        "former": former,
        "plausible": plausible or parses(parse),
        "secret": secret,
    }
    if factory:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting.  Times are in seconds."""

    host: str = setting(
        listen_host,
        "listen address",
        default="127.0.0.1",
        flags=("--host",),
        alias="HOST",
        plausible=plausibility.address,
    )
    port: int = setting(whole(0, 65535), "port", default=4141, flags=("--port", "-p"), alias="PORT")
    ollama_port: int = setting(
        whole(0, 65535),
        "a second port, like 11434, for tools that look for Ollama there only; 0: none",
        default=0,
        flags=("--ollama-port",),
    )
    workers: int = setting(whole(1, 64), "gunicorn workers", default=1, flags=("--workers",))
    server: str = setting(
        choice(*SERVERS),
        "WSGI server: gunicorn, or gevent's own (always on Windows)",
        default="gevent" if os.name == "nt" else "gunicorn",
        flags=("--server",),
    )
    graceful_timeout: float = setting(
        seconds,
        "how long running streams may continue after SIGTERM, in seconds",
        default=30.0,
        flags=("--graceful-timeout",),
    )
    home: Path = setting(
        path, "data directory: the store and its key", factory=default_home, flags=("--home",)
    )
    persist: bool = setting(
        boolean,
        "keep logins, tokens, keys and the request log in the store; otherwise in memory only",
        default=True,
        flags=("--persist/--no-persist", "--cache/--no-cache"),
        alias="CACHE",
        former="cache",
    )
    store_path: Path | None = setting(
        path,
        "the store's file, where it is not in the data directory",
        flags=("--store-path", "--cache-path"),
        alias="CACHE_PATH",
        plausible=plausibility.file,
        former="cache_path",
    )
    database_url: Secret = setting(
        postgres_url,
        "PostgreSQL database for the store, to be shared by several machines",
        default=Secret(),
        secret=True,
    )
    database_connections: int = setting(
        whole(1, 100), "maximum number of connections to PostgreSQL, per worker", default=8
    )
    store_timeout: float = setting(
        seconds,
        "how long a request waits for the store before it continues with the data in memory, in seconds",
        default=1.5,
    )
    store_key: Secret = setting(
        secret_word,
        "key that encrypts the secrets in the store, 32 bytes in base64; normally a file of its own",
        default=Secret(),
        secret=True,
    )
    github_token: Secret = setting(
        secret_word,
        "GitHub token to use instead of the stored login",
        default=Secret(),
        flags=("--github-token", "-g"),
        alias="GH_TOKEN",
        plausible=plausibility.github_token,
        secret=True,
    )
    api_key: tuple[Secret, ...] = setting(
        key_list,
        "the operator's API key (repeat the option for several; elsewhere separated by commas)",
        default=(),
        flags=("--api-key",),
        alias="API_KEY",
        plausible=plausibility.own_key,
        secret=True,
    )
    share_token: tuple[tuple[Secret, Secret], ...] = setting(
        share_tokens,
        "share tokens and the GitHub tokens they stand for: share-a:ghu_x,share-b:ghu_y",
        default=(),
        flags=("--share-token",),
        alias="SHARE_TOKEN",
        secret=True,
    )
    allow_github_tokens: bool = setting(
        boolean,
        "accept a caller's own GitHub token as the key; the caller's own plan is used",
        default=False,
        flags=("--allow-github-tokens",),
    )
    insecure_no_key: bool = setting(
        boolean,
        "accept requests without a key, from any machine",
        default=False,
        flags=("--insecure-no-key",),
    )
    make_key: bool = setting(
        boolean,
        "create a key for the operator at the first start and print it, if one is needed and there is none",
        default=False,
        flags=("--make-key",),
    )
    allowed_host: tuple[str, ...] = setting(
        host_names,
        "host names by which the bridge may be reached, besides its own",
        default=(),
        flags=("--allowed-host",),
    )
    cors_origin: tuple[str, ...] = setting(
        page_origins,
        "origins of web pages that may send requests: https://chat.example",
        default=(),
        flags=("--cors-origin",),
    )
    trusted_proxy: tuple[str, ...] = setting(
        networks,
        "reverse proxies whose X-Forwarded-* headers are trusted",
        default=("127.0.0.0/8", "::1"),
        flags=("--trusted-proxy",),
    )
    rate_limit: float | None = setting(
        seconds,
        "minimum interval between two requests to Copilot, in seconds, per account",
        flags=("--rate-limit", "-r"),
    )
    queue_requests: bool = setting(
        boolean,
        "queue requests that come too early, instead of refusing them",
        default=False,
        flags=("--queue-requests", "--wait", "-w"),
        former="wait",
    )
    max_concurrent: int | None = setting(
        whole(1, 10_000), "maximum number of concurrent requests, per account", flags=("--max-concurrent",)
    )
    max_waiting: int = setting(
        whole(1, 100_000),
        "maximum number of waiting requests, per account",
        default=200,
        flags=("--max-waiting",),
    )
    honor_retry_after: bool = setting(
        boolean,
        "after a 429 from Copilot, pause what it refused for as long as it asks",
        default=True,
        former="rest",
    )
    require_approval: bool = setting(
        boolean,
        "ask the operator before each request is sent",
        default=False,
        flags=("--require-approval", "--manual"),
        former="manual",
    )
    approval_timeout: float = setting(
        seconds,
        "how long a request waits for the operator's answer, in seconds",
        default=300.0,
        flags=("--approval-timeout", "--manual-timeout"),
        former="manual_timeout",
    )
    budget_webhook: Secret = setting(
        web_address,
        "address to which a notice is posted when a budget reaches 50, 75, 90, 95 or 100 %",
        default=Secret(),
        flags=("--budget-webhook",),
        secret=True,
    )
    budget_command: str | None = setting(
        text,
        "command that gets the same notice, as JSON on its standard input",
        flags=("--budget-command",),
    )
    fallback: tuple[tuple[str, tuple[str, ...]], ...] = setting(
        fallbacks,
        "models that respond when a budget, the plan or a cooldown refuses others: claude-opus-*: gpt-5-mini",
        default=(),
        flags=("--fallback",),
    )
    log_days: int = setting(
        whole(0, 36_500),
        "how many days the request log in the store goes back; 0: no log",
        default=30,
        flags=("--log-days",),
    )
    log_rows: int = setting(whole(1, 10**9), "maximum number of requests in it", default=1_000_000)
    account_type: str | None = setting(
        choice(*ACCOUNT_TYPES),
        "plan: individual, business or enterprise; by default, what GitHub says",
        flags=("--account-type", "-a"),
    )
    enterprise_url: str | None = setting(
        enterprise, "GitHub Enterprise with data residency, like octo.ghe.com", flags=("--enterprise-url",)
    )
    github_url: str | None = setting(base_url, "GitHub's address (https://github.com)")
    github_api_url: str | None = setting(base_url, "address of GitHub's API (https://api.github.com)")
    copilot_api_url: str | None = setting(
        base_url, "address of Copilot's API; by default, what the token says"
    )
    model_mapping: Mapping[str, str] | None = setting(
        mapping,
        "JSON: client's name for a model -> Copilot's; replaces the built-in mapping",
        flags=("--model-mapping",),
        alias="MODEL_MAPPING",
        plausible=plausibility.json_object,
    )
    auto_tier: str | None = setting(
        choice(*AUTO_TIERS),
        "what the model auto aims for: efficiency, balance or intelligence; by default, Copilot decides",
        flags=("--auto-tier",),
    )
    web_search: str = setting(
        choice(*WEB_SEARCH),
        "engine of web searches: responses (a small model of the plan), mcp (GitHub's own), auto or off",
        default="auto",
        flags=("--web-search",),
    )
    web_search_model: str | None = setting(
        word, "model that searches for the engine responses; by default, the cheapest that can"
    )
    web_fetch: bool = setting(
        boolean,
        "let models read web pages through the bridge, where the client asks for it",
        default=False,
        flags=("--web-fetch",),
    )
    proxy: str | None = setting(
        proxy_url, "proxy for all outgoing requests (http, https, socks4, socks5)", flags=("--proxy",)
    )
    proxy_env: bool = setting(
        boolean,
        "take the proxy from HTTPS_PROXY, else ALL_PROXY, and NO_PROXY",
        default=True,
        flags=("--proxy-env/--no-proxy-env",),
    )
    log_level: str = setting(
        choice(*LOG_LEVELS),
        "log level: debug, info, warning or error",
        default="info",
        flags=("--log-level",),
        alias="LOG_LEVEL",
    )
    log_file: Path | None = setting(
        path, "file for the server's log, rotated at 10 MB; 5 old ones are kept", flags=("--log-file",)
    )
    debug: bool = setting(
        boolean, "log level debug, also for the libraries", default=False, flags=("--debug",), alias="DEBUG"
    )
    show_token: bool = setting(
        boolean,
        "print tokens in full where they are otherwise masked",
        default=False,
        flags=("--show-token",),
    )
    connect_timeout: float = setting(
        seconds, "how long to wait for a connection to upstream, in seconds", default=10.0
    )
    read_timeout: float = setting(
        seconds, "how long upstream may be silent before it is given up, in seconds", default=600.0
    )
    keepalive_expiry: float = setting(
        seconds, "how long an idle connection to upstream is reused, in seconds", default=60.0
    )
    connect_ahead: bool = setting(
        boolean,
        "keep a connection to Copilot ready from a client's first request until ten minutes after its last",
        default=True,
        flags=("--connect-ahead/--no-connect-ahead",),
    )
    client_websocket: bool = setting(
        boolean,
        "let clients send Responses requests over a WebSocket",
        default=True,
        flags=("--client-websocket/--no-client-websocket",),
    )
    upstream_websocket: str = setting(
        choice("auto", "off"),
        "auto: send only a conversation's new items, over a WebSocket, if Copilot offers one; off: use HTTP",
        default="auto",
        flags=("--upstream-websocket",),
    )
    upstream_websocket_compression: str = setting(
        choice("auto", "off"),
        "auto: compress what is sent over these WebSockets, where Copilot accepts that; or off",
        default="auto",
        flags=("--upstream-websocket-compression",),
    )
    upstream_websocket_connections: int = setting(
        whole(1, 4096), "maximum number of WebSockets to Copilot, per worker", default=64
    )
    upstream_websocket_idle: float = setting(
        seconds, "how long a WebSocket waits for the conversation's next request, in seconds", default=240.0
    )
    first_byte_timeout: float = setting(
        seconds,
        "minimum wait for a response on a reused connection before the request is sent on a new one, in "
        "seconds",
        default=10.0,
    )
    keepalive: float = setting(
        seconds,
        "how long a stream may be silent before it gets a keep-alive comment, in seconds",
        default=15.0,
    )
    keep_copilot_fields: bool = setting(
        boolean, "leave Copilot's own fields (copilot_*, content filters) in responses", default=False
    )
    response_limit_mb: int = setting(
        whole(1, 65536),
        "maximum size of a response in one piece, or of an event of a stream, uncompressed, in megabytes",
        default=64,
        former="answer_limit",
    )
    direct_socket_io: bool = setting(
        boolean,
        "read streams directly from upstream's socket; off: through requests, which costs more",
        default=True,
        former="fast_delivery",
    )
    response_store_mb: int = setting(
        whole(0, 65536),
        "megabytes of conversations kept for an hour, encrypted, for previous_response_id; 0: none",
        default=64,
        former="response_memory",
    )
    editor_version: str | None = setting(
        word,
        "client reported to Copilot, like vscode/1.140.0 or copilot/1.0.102; by default, the newest known",
    )
    plugin_version: str | None = setting(word, "editor plugin reported to Copilot, like copilot-chat/0.68.0")
    integration_id: str | None = setting(word, "Copilot-Integration-Id, where the usual one is refused")
    api_version: str | None = setting(word, "X-GitHub-Api-Version of requests to Copilot, like 2026-08-01")

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    ignored: tuple[str, ...] = field(
        default=(), compare=False, repr=False
    )  # short variables whose values are implausible: a line for each

    def environ(self) -> dict[str, str]:
        """The environment that makes another process load these very settings."""
        unset = dict.fromkeys((*FIELD_OF_VARIABLE, ENV_FILE), "")
        return unset | {
            variable(declared.name): spell(getattr(self, declared.name)) for declared in settings()
        }

    def origin(self, name: str) -> str:
        return self.origins.get(name, "default")

    def named(self, name: str) -> str:
        """The source of a refused value, like "HOST (from the environment)"."""
        source, colon, key = self.origin(name).rpartition(": ")
        if colon:
            return f"{key} (from {'the environment' if source == 'environment' else source})"
        if key == "default" and BY_NAME[name].metadata["flags"]:
            return option(name)
        return key.removeprefix("option ")


def settings() -> list[Field[Any]]:
    return [declared for declared in fields(Config) if "parse" in declared.metadata]


def variable(name: str) -> str:
    return PREFIX + name.upper()


def spell(value: object) -> str:
    """A setting's value as text for the environment, where an empty text stands for None."""
    if value is None:
        return ""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        pairs = any(isinstance(item, tuple) for item in value)
        return ",".join(":".join(map(spell, item)) if pairs else spell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


SECRETS = [declared for declared in settings() if declared.metadata["secret"]]
BY_NAME = {declared.name: declared for declared in settings()}
# A later name takes precedence: the short ones, those of earlier versions, the full ones.
FIELD_OF_VARIABLE = (
    {declared.metadata["alias"]: declared.name for declared in settings() if declared.metadata["alias"]}
    | {
        variable(declared.metadata["former"]): declared.name
        for declared in settings()
        if declared.metadata["former"]
    }
    | {variable(declared.name): declared.name for declared in settings()}
)


def option(name: str) -> str:
    flags: tuple[str, ...] = BY_NAME[name].metadata["flags"]
    return flags[0]
