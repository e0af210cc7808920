"""The sources of settings, their errors, and secrets that no message reveals."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.config import Config, load_config
from copilot_bridge.config.settings import (
    BY_NAME,
    FIELD_OF_VARIABLE,
    LOG_LEVELS,
    SERVERS,
    default_home,
    settings,
    spell,
    variable,
)
from copilot_bridge.errors import ConfigError
from copilot_bridge.redaction import Secret

# Field -> what may be written, and what that means.
SAMPLES = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("8080", 8080),
    "ollama_port": ("11434", 11434),
    "workers": ("3", 3),
    "server": ("GEVENT", "gevent"),
    "graceful_timeout": ("2.5", 2.5),
    "home": ("/srv/bridge", Path("/srv/bridge")),
    "persist": ("false", False),
    "store_path": ("/srv/cache.db", Path("/srv/cache.db")),
    "store_key": ("a2V5", Secret("a2V5")),
    "api_key": ("one, two", (Secret("one"), Secret("two"))),
    "share_token": (
        "share-a:ghu_x,share-b:ghu_y",
        ((Secret("share-a"), Secret("ghu_x")), (Secret("share-b"), Secret("ghu_y"))),
    ),
    "allow_github_tokens": ("yes", True),
    "insecure_no_key": ("1", True),
    "make_key": ("yes", True),
    "allowed_host": ("Bridge.example,bridge", ("bridge.example", "bridge")),
    "cors_origin": (
        "https://Chat.example,http://localhost:3000",
        ("https://chat.example", "http://localhost:3000"),
    ),
    "trusted_proxy": ("10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    "rate_limit": ("1.5", 1.5),
    "queue_requests": ("1", True),
    "max_concurrent": ("4", 4),
    "max_waiting": ("10", 10),
    "honor_retry_after": ("no", False),
    "log_days": ("0", 0),
    "log_rows": ("10", 10),
    "require_approval": ("1", True),
    "approval_timeout": ("60", 60.0),
    "budget_webhook": ("https://hooks.example/a?b=c", Secret("https://hooks.example/a?b=c")),
    "budget_command": ("notify-send budget", "notify-send budget"),
    "fallback": (
        "claude-opus-*: claude-sonnet-*, gpt-5-mini; gpt-5.*:gpt-4o",
        (("claude-opus-*", ("claude-sonnet-*", "gpt-5-mini")), ("gpt-5.*", ("gpt-4o",))),
    ),
    "database_url": ("postgresql://u:p@h/d", Secret("postgresql://u:p@h/d")),
    "database_connections": ("20", 20),
    "store_timeout": ("0.5", 0.5),
    "github_token": ("ghu_EXAMPLE", Secret("ghu_EXAMPLE")),
    "account_type": ("Business", "business"),
    "log_file": ("/var/log/bridge.log", Path("/var/log/bridge.log")),
    "enterprise_url": ("https://octo.ghe.com/", "octo.ghe.com"),
    "github_url": ("https://github.example/", "https://github.example"),
    "github_api_url": ("http://127.0.0.1:9/api/", "http://127.0.0.1:9/api"),
    "copilot_api_url": ("https://copilot.example", "https://copilot.example"),
    "auto_tier": ("Balance", "balance"),
    "web_search": ("MCP", "mcp"),
    "web_search_model": ("gpt-5-mini", "gpt-5-mini"),
    "web_fetch": ("yes", True),
    "model_mapping": ('{"gpt-4": "gpt-4.1"}', {"gpt-4": "gpt-4.1"}),
    "proxy": ("proxy:3128", "http://proxy:3128"),
    "proxy_env": ("off", False),
    "log_level": ("WARNING", "warning"),
    "debug": ("yes", True),
    "show_token": ("1", True),
    "connect_timeout": ("3", 3.0),
    "read_timeout": ("1e2", 100.0),
    "keepalive_expiry": ("30", 30.0),
    "connect_ahead": ("off", False),
    "client_websocket": ("off", False),
    "upstream_websocket": ("off", "off"),
    "upstream_websocket_compression": ("off", "off"),
    "upstream_websocket_connections": ("8", 8),
    "upstream_websocket_idle": ("60", 60.0),
    "first_byte_timeout": ("20", 20.0),
    "keepalive": (".5", 0.5),
    "keep_copilot_fields": ("on", True),
    "response_limit_mb": ("8", 8),
    "direct_socket_io": ("no", False),
    "response_store_mb": ("0", 0),
    "editor_version": ("vscode/1.111.0", "vscode/1.111.0"),
    "plugin_version": ("copilot-chat/0.43.0", "copilot-chat/0.43.0"),
    "integration_id": ("vscode-chat", "vscode-chat"),
    "api_version": ("2026-01-09", "2026-01-09"),
}
NAMES = sorted(BY_NAME)
WITH_OPTION = sorted(name for name, field in BY_NAME.items() if field.metadata["flags"])
ALIASES = {setting.metadata["alias"]: setting.name for setting in settings() if setting.metadata["alias"]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory, without an .env file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_env(folder, *lines, name=".env"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(*, flags=None, environ=None, env_file=None):
    """The one line that somebody reads who set something wrong."""
    with pytest.raises(ConfigError) as caught:
        load_config(flags, environ or {}, env_file)
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    return message


def test_every_setting_has_a_sample():
    assert SAMPLES.keys() == BY_NAME.keys()


def test_without_sources_every_setting_has_its_default():
    config = load_config(environ={})
    assert config == Config()
    assert (config.host, config.port) == ("127.0.0.1", 4141)
    assert {config.origin(name) for name in NAMES} == {"default"}


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_of_the_environment_sets_its_setting(name):
    raw, value = SAMPLES[name]
    config = load_config(environ={variable(name): raw})
    assert getattr(config, name) == value
    assert config.origin(name) == f"environment: {variable(name)}"


@pytest.mark.parametrize("name", NAMES)
def test_a_line_of_the_env_file_sets_it(name, folder):
    raw, value = SAMPLES[name]
    write_env(folder, "# mine", f"{variable(name)}={raw}", "OTHER=1")
    config = load_config(environ={})
    assert getattr(config, name) == value
    assert config.origin(name) == f".env: {variable(name)}"


@pytest.mark.parametrize("name", WITH_OPTION)
def test_an_option_sets_it(name):
    raw, value = SAMPLES[name]
    config = load_config({name: raw}, environ={})
    assert getattr(config, name) == value
    assert config.origin(name).startswith("option --")


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_a_short_variable_sets_its_setting(alias):
    raw, value = SAMPLES[ALIASES[alias]]
    config = load_config(environ={alias: raw})
    assert getattr(config, ALIASES[alias]) == value
    assert config.origin(ALIASES[alias]) == f"environment: {alias}"


FORMER = {setting.metadata["former"]: setting.name for setting in settings() if setting.metadata["former"]}


@pytest.mark.parametrize("former", FORMER)
def test_a_variable_of_an_earlier_version_still_sets_what_it_did(former, folder):
    name = FORMER[former]
    raw, value = SAMPLES[name]
    config = load_config(environ={variable(former): raw})
    assert getattr(config, name) == value
    assert config.origin(name) == f"environment: {variable(former)}"
    write_env(folder, f"{variable(former)}={raw}")
    assert getattr(load_config(environ={}), name) == value


@pytest.mark.parametrize("former", FORMER)
def test_the_present_name_takes_precedence_over_the_former(former):
    name = FORMER[former]
    given, default = SAMPLES[name][0], spell(getattr(Config(), name)) or "/elsewhere"
    config = load_config(environ={variable(former): default, variable(name): given})
    assert getattr(config, name) == SAMPLES[name][1]


@pytest.mark.parametrize("former", FORMER)
def test_the_error_names_the_variable_of_a_malformed_value(former):
    raw = next(raw for name, raw, _ in MALFORMED if name == FORMER[former])
    assert f"(environment: {variable(former)})" in refused(environ={variable(former): raw})


FOREIGN = [
    ("HOST", "x86_64-conda-linux-gnu"),
    ("HOST", "my-laptop"),
    ("PORT", "tcp://10.0.0.1:4141"),
    ("PORT", "99999"),
    ("DEBUG", "express:*"),
    ("DEBUG", "release"),
    ("LOG_LEVEL", "warn"),
    ("LOG_LEVEL", "trace"),
    ("CACHE", "/var/cache"),
    ("CACHE_PATH", "/tmp"),
    ("CACHE_PATH", "/srv/not-there/"),
    ("API_KEY", "sk-proj-EXAMPLE"),
    ("API_KEY", "AIzaEXAMPLE"),
    ("API_KEY", "eyJhbGciOi.EXAMPLE"),
    ("SHARE_TOKEN", "abc"),
    ("GH_TOKEN", "ghp_EXAMPLE"),
    ("GH_TOKEN", "ghs_EXAMPLE"),
    ("MODEL_MAPPING", "a=b"),
]


@pytest.mark.parametrize(("alias", "raw"), FOREIGN)
def test_an_implausible_value_of_a_short_variable_is_ignored(alias, raw, folder):
    """It is passed over, with a warning; under the full name the same is meant, or refused."""
    name, full = ALIASES[alias], variable(ALIASES[alias])
    config = load_config(environ={alias: raw})
    assert config == Config()
    assert config.origin(name) == "default"
    (warning,) = config.ignored
    assert warning.startswith(f"{alias} (from the environment) is ignored")
    assert full in warning
    assert (raw in warning) is not BY_NAME[name].metadata["secret"]
    write_env(folder, f"{alias}={raw!r}")
    assert load_config(environ={}).ignored[0].startswith(f"{alias} (from .env)")
    better = SAMPLES[name][0]
    for environ, flags in (({full: better}, {}), ({}, {name: better})):
        known = load_config(flags, environ={alias: raw, **environ})
        assert getattr(known, name) == SAMPLES[name][1]
        assert known.ignored == ()


@pytest.mark.parametrize(
    ("alias", "raw"),
    [
        ("HOST", "::1"),
        ("HOST", "localhost"),
        ("HOST", "192.0.2.7"),
        ("PORT", "0"),
        ("DEBUG", "1"),
        ("LOG_LEVEL", "DEBUG"),
        ("API_KEY", "sesame"),
        ("CACHE_PATH", "bridge.db"),
        ("GH_TOKEN", "gho_EXAMPLE"),
        ("GH_TOKEN", "github_pat_EXAMPLE"),
    ],
)
def test_a_plausible_value_of_a_short_variable_counts(alias, raw):
    config = load_config(environ={alias: raw})
    assert config.origin(ALIASES[alias]) == f"environment: {alias}"
    assert config.ignored == ()


def test_a_malformed_mapping_in_a_short_variable_is_refused():
    assert "MODEL_MAPPING" in refused(environ={"MODEL_MAPPING": '{"gpt-4": }'})


def test_a_refused_value_is_named_by_its_source(folder):
    assert load_config(environ={"HOST": "::1"}).named("host") == "HOST (from the environment)"
    assert load_config({"host": "::1"}, environ={}).named("host") == "--host"
    assert load_config(environ={}).named("host") == "--host"
    write_env(folder, "COPILOT_BRIDGE_HOST=::1")
    assert load_config(environ={}).named("host") == "COPILOT_BRIDGE_HOST (from .env)"


@pytest.mark.parametrize(
    ("flags", "environ", "lines", "port", "origin"),
    [
        ({"port": "1"}, {"COPILOT_BRIDGE_PORT": "2"}, ["COPILOT_BRIDGE_PORT=3"], 1, "option --port"),
        ({}, {"COPILOT_BRIDGE_PORT": "2"}, ["COPILOT_BRIDGE_PORT=3"], 2, "environment: COPILOT_BRIDGE_PORT"),
        ({}, {}, ["COPILOT_BRIDGE_PORT=3"], 3, ".env: COPILOT_BRIDGE_PORT"),
        ({}, {"COPILOT_BRIDGE_PORT": "2", "PORT": "4"}, [], 2, "environment: COPILOT_BRIDGE_PORT"),
        ({}, {}, ["COPILOT_BRIDGE_PORT=3", "PORT=4"], 3, ".env: COPILOT_BRIDGE_PORT"),
        ({}, {"PORT": "4"}, ["COPILOT_BRIDGE_PORT=3"], 4, "environment: PORT"),
        ({}, {"COPILOT_BRIDGE_PORT": "", "PORT": ""}, ["PORT=5"], 5, ".env: PORT"),
        ({}, {}, ["PORT=5", "PORT=6"], 6, ".env: PORT"),
        ({}, {}, ["PORT="], 4141, "default"),
    ],
)
def test_sources_take_precedence_in_their_order(folder, flags, environ, lines, port, origin):
    write_env(folder, *lines)
    config = load_config(flags, environ)
    assert (config.port, config.origin("port")) == (port, origin)


MALFORMED = [
    *[
        ("port", raw, "whole number from 0 to 65535")
        for raw in ("abc", "-1", "65536", "1.5", "1_000", " ", "²")
    ],
    ("upstream_websocket", "on", "auto"),
    ("upstream_websocket_compression", "deflate", "auto"),
    ("upstream_websocket_connections", "0", "whole number from 1 to 4096"),
    *[("workers", raw, "whole number from 1 to 64") for raw in ("0", "65", "two")],
    *[("response_store_mb", raw, "whole number from 0") for raw in ("-1", "64MB", "70000")],
    ("server", "uvicorn", "gunicorn, gevent"),
    *[
        (name, raw, "number of seconds")
        for name in (
            "graceful_timeout",
            "connect_timeout",
            "read_timeout",
            "keepalive",
            "keepalive_expiry",
            "first_byte_timeout",
            "upstream_websocket_idle",
        )
        for raw in ("0", "-1", "nan", "inf", "10 s", "1e7")
    ],
    *[("host", raw, "printable") for raw in (" ", "a\nb", "\x1b[31m")],
    ("host", "127.0.0.1:80", "setting of its own"),
    ("home", "\t", "printable"),
    ("persist", "sqlite", "true or false"),
    ("database_url", "mysql://u:secret@h/d", "postgresql://"),
    ("database_connections", "0", "1"),
    ("store_timeout", "soon", "number"),
    ("require_approval", "ask", "true or false"),
    ("response_limit_mb", "0", "whole number from 1 to 65536"),
    ("ollama_port", "65536", "whole number from 0 to 65535"),
    ("approval_timeout", "0", "number of seconds"),
    ("budget_webhook", "ftp://hooks.example", "like https://hooks.example/budget"),
    ("budget_command", "a\nb", "printable text"),
    ("fallback", "gpt-5-mini", "like claude-opus"),
    ("fallback", "claude-opus-*:", "like claude-opus"),
    ("log_days", "-1", "whole number"),
    ("log_rows", "0", "whole number"),
    ("rate_limit", "0", "number of seconds"),
    ("queue_requests", "10", "true or false"),
    ("max_concurrent", "0", "whole number"),
    ("max_waiting", "many", "whole number"),
    ("honor_retry_after", "long", "true or false"),
    ("api_key", "two words", "no spaces"),
    ("share_token", "lent-a:ghu_x", "begins with share-"),
    ("share_token", "share-:ghu_x", "begins with share-"),
    ("share_token", "share-a", "share-...:GITHUB_TOKEN"),
    ("allow_github_tokens", "ghu_", "true or false"),
    ("insecure_no_key", "maybe", "true or false"),
    ("make_key", "perhaps", "true or false"),
    ("allowed_host", "bridge.example:4141", "without a port"),
    ("allowed_host", "*", "names of hosts"),
    ("cors_origin", "*", "no wildcard"),
    ("cors_origin", "chat.example", "like https://chat.example"),
    ("cors_origin", "https://chat.example/", "like https://chat.example"),
    ("trusted_proxy", "nginx", "like 10.0.0.0/8"),
    ("store_path", "\t", "printable"),
    ("store_key", "two words", "no spaces"),
    ("home", "~nobody-of-this-name/x", "home"),
    ("account_type", "pro", "individual, business, enterprise"),
    ("log_file", "\t", "printable"),
    *[
        ("enterprise_url", raw, "like octo.ghe.com")
        for raw in ("octo", "http://octo.ghe.com", "octo.ghe.com/login", "https://", "ftp://octo.ghe.com")
    ],
    *[
        (name, raw, "")
        for name in ("github_url", "github_api_url", "copilot_api_url")
        for raw in (
            "api.github.com",
            "ftp://api.github.com",
            "https://",
            "https://[::1",
            "https://h/?q",
            "https://h#f",
            "http://api.github.com",
            "http://192.168.0.1",
            "http://0.0.0.0",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
        )
    ],
    *[
        ("proxy", raw, "like http://proxy:3128")
        for raw in ("ftp://proxy", "socks9://proxy", "http://", "://x")
    ],
    *[
        (name, "maybe", "true or false")
        for name in (
            "proxy_env",
            "connect_ahead",
            "client_websocket",
            "debug",
            "show_token",
            "keep_copilot_fields",
            "web_fetch",
            "direct_socket_io",
        )
    ],
    *[
        ("model_mapping", raw, "JSON object")
        for raw in ("gpt-4:gpt-4.1", "[1]", "'x'", '{"a":', '"a"', '{"a": "b"} x', "\x01")
    ],
    *[("model_mapping", raw, "a model name") for raw in ('{"a": 1}', '{"a": ""}', '{" ": "b"}')],
    ("log_level", "trace", "debug, info, warning, error"),
    ("auto_tier", "fast", "efficiency, balance, intelligence"),
    ("web_search", "bing", "auto, responses, mcp, off"),
    ("github_token", "ghu_EXAM\x07PLE", "printable"),
    *[
        (name, "a\x00b", "printable")
        for name in ("editor_version", "plugin_version", "integration_id", "api_version", "web_search_model")
    ],
]


@pytest.mark.parametrize(("name", "raw", "expected"), MALFORMED)
def test_a_malformed_value_is_refused_with_its_source(name, raw, expected):
    message = refused(environ={variable(name): raw})
    assert message.startswith(f"{name.replace('_', '-')}: ")
    assert f"(environment: {variable(name)})" in message
    assert expected in message
    if name == "github_token":
        assert "ghu_" not in message
    elif BY_NAME[name].metadata["secret"]:
        assert raw not in message
    elif "@" not in raw:  # before it there may be a password
        assert repr(raw) in message


def test_every_setting_has_a_malformed_value():
    assert {name for name, _, _ in MALFORMED} == BY_NAME.keys()


def test_a_malformed_option_or_line_is_refused_with_its_source(folder):
    assert "'x' (option --port)" in refused(flags={"port": "x"})
    write_env(folder, "COPILOT_BRIDGE_PORT=x")
    assert "'x' (.env: COPILOT_BRIDGE_PORT)" in refused()


@pytest.mark.parametrize("name", ["github_url", "github_api_url", "copilot_api_url"])
@pytest.mark.parametrize(
    "raw", ["https://host:abc", "https://host:99999", "https://a host", "https://host\\@evil.example"]
)
def test_impossible_addresses_are_refused(name, raw):
    refused(environ={variable(name): raw})


@pytest.mark.parametrize("raw", ["http://proxy:99999", "http://a proxy:3128", "proxy:port"])
def test_impossible_proxies_are_refused(raw):
    refused(environ={"COPILOT_BRIDGE_PROXY": raw})


@pytest.mark.parametrize(
    "raw", ["octo ghe.com", "..", "octo.ghe.com:8443", "me@octo.ghe.com", "octo.ghe.com?x=1"]
)
def test_no_part_of_an_enterprise_is_dropped_silently(raw):
    refused(environ={"COPILOT_BRIDGE_ENTERPRISE_URL": raw})


@pytest.mark.parametrize(
    "name", ["github_token", "editor_version", "plugin_version", "integration_id", "api_version"]
)
def test_a_value_that_becomes_a_header_has_to_fit_into_one(name):
    """A token that was copied from a page which shortens it: ghu_abc…"""
    refused(environ={variable(name): "ghu_abc\N{HORIZONTAL ELLIPSIS}"})


@pytest.mark.parametrize(
    "raw", ["http://127.0.0.1:1", "http://localhost", "http://sim.localhost:8080", "http://[::1]:1"]
)
def test_plain_http_is_accepted_on_loopback(raw):
    assert load_config(environ={"COPILOT_BRIDGE_GITHUB_URL": raw}).github_url == raw


@pytest.mark.parametrize("raw", ["octo.ghe.com", "https://octo.ghe.com", " https://OCTO.ghe.com/ "])
def test_an_enterprise_may_be_a_host_or_a_url(raw):
    assert load_config(environ={"COPILOT_BRIDGE_ENTERPRISE_URL": raw}).enterprise_url == "octo.ghe.com"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("proxy:3128", "http://proxy:3128"),
        ("me:pw@proxy:3128/", "http://me:pw@proxy:3128"),
        *[
            (f"{scheme}://proxy:1", f"{scheme}://proxy:1")
            for scheme in ("https", "socks4", "socks4a", "socks5", "socks5h")
        ],
    ],
)
def test_a_proxy_may_be_given_in_several_forms(raw, url):
    assert load_config(environ={"COPILOT_BRIDGE_PROXY": raw}).proxy == url


@pytest.mark.parametrize(
    "raw",
    [
        "ftp://me:TOPSECRET@proxy",
        "ftp://me:TOP/SECRET@proxy",
        "ftp://me:TOP@SECRET@proxy",
        "ftp://me:TOP:SECRET@proxy",
        "me:TOPSECRET@",
    ],
)
def test_a_malformed_proxy_does_not_tell_its_password(raw):
    message = refused(environ={"COPILOT_BRIDGE_PROXY": raw})
    assert "SECRET" not in message
    assert "TOP" not in message


@pytest.mark.parametrize("source", ["environment", "file"])
def test_an_unknown_setting_is_refused_with_its_source(folder, source):
    if source == "file":
        write_env(folder, "COPILOT_BRIDGE_PROT=4142")
        message = refused()
        assert ".env" in message
    else:
        message = refused(environ={"COPILOT_BRIDGE_PROT": "4142"})
        assert "environment" in message
    assert "COPILOT_BRIDGE_PROT" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COPILOT_BRIDGE_GITHUB_TOKE", "0123456789abcdef0123456789abcdef01234567"),
        ("COPILOT_BRIDGE_PASSWORD", "hunter2hunter2"),
        ("COPILOT_BRIDGE_GH_TOKEN", "ghu_EXAMPLE0000"),
        ("COPILOT_BRIDGE_HTTP_PROXY", "http://me:hunter2@proxy:1"),
    ],
)
def test_an_unknown_setting_may_be_a_misspelt_secret(name, value):
    message = refused(environ={name: value})
    assert name in message
    assert value not in message
    assert "hunter2" not in message


def test_variables_of_other_programs_are_not_read(folder):
    write_env(folder, "DATABASE_URL=x", "export PORT=1")
    assert load_config(environ={"PATH": "/bin", "COPILOT": "1"}).port == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"COPILOT_BRIDGE_PORT\n", 1),
        (b"PORT=1\n\n# x\nCOPILOT_BRIDGE_HOST\n", 4),
        (b"PORT=1\nCOPILOT_BRIDGE_GITHUB_TOKEN='ghu_EXAM\n", 2),
        (b'HOST="127.0.0.1\n', 1),
        (b"=1\n", 1),
    ],
)
def test_a_half_written_env_file_is_refused_with_the_line(folder, content, line):
    (folder / ".env").write_bytes(content)
    message = refused()
    assert message == f".env, line {line}: expected NAME=value"


@pytest.mark.parametrize(
    ("content", "config"),
    [
        (b"", {}),
        (b"\n# nothing\n", {}),
        (b"PORT = 1 # one\r\nHOST='::1'\r\n", {"port": 1, "host": "::1"}),
        (b'export PORT="1"', {"port": 1}),
        (b"\xef\xbb\xbfCOPILOT_BRIDGE_PORT=1\n", {"port": 1}),  # as Windows' editors save it
    ],
    ids=["empty", "comment", "crlf", "no line end", "byte order mark"],
)
def test_env_files_of_all_usual_forms_are_read(folder, content, config):
    (folder / ".env").write_bytes(content)
    assert load_config(environ={}) == Config(**config)


def test_an_env_file_has_to_be_utf_8(folder):
    (folder / ".env").write_bytes("HOST=höst".encode("latin-1"))
    assert "UTF-8" in refused()


def test_a_folder_that_may_not_be_looked_into_has_no_env_file(folder, monkeypatch):
    """`sudo -u copilot-bridge copilot-bridge ...`, in a home that is its owner's alone."""
    write_env(folder, "PORT=3")
    see = os.stat

    def refuse(path, *args, **options):
        if str(path) == ".env":
            raise PermissionError(13, "Permission denied", path)
        return see(path, *args, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert load_config({}, {}).port == Config().port


def test_a_directory_is_not_an_env_file(folder):
    assert str(folder) in refused(env_file=folder)
    (folder / ".env").mkdir()
    assert load_config(environ={}) == Config()


def test_an_unreadable_env_file_is_refused(folder, monkeypatch):
    def locked(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    write_env(folder, "PORT=1")
    monkeypatch.setattr(Path, "open", locked)
    assert refused() == "can't read the settings in .env: Permission denied"


def test_a_named_env_file_has_to_exist(folder):
    assert "gone.env" in refused(env_file=folder / "gone.env")
    assert "gone.env" in refused(environ={"COPILOT_BRIDGE_ENV_FILE": "gone.env"})


def test_the_named_env_file_replaces_the_usual_one(folder):
    write_env(folder, "PORT=1")
    write_env(folder, "PORT=2", name="two.env")
    write_env(folder, "PORT=3", name="three.env")
    assert load_config(environ={}).port == 1
    assert load_config(environ={"COPILOT_BRIDGE_ENV_FILE": "two.env"}).port == 2
    assert load_config(environ={"COPILOT_BRIDGE_ENV_FILE": "two.env"}, env_file=Path("three.env")).port == 3
    assert load_config(environ={"COPILOT_BRIDGE_ENV_FILE": ""}).port == 4141


def test_the_state_directory_of_systemd_is_the_data_directory(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/copilot-bridge:/var/lib/other")
    assert default_home() == Config().home == Path("/var/lib/copilot-bridge")
    assert load_config(environ={"COPILOT_BRIDGE_HOME": "/elsewhere"}).home == Path("/elsewhere")
    monkeypatch.setenv("STATE_DIRECTORY", "")
    assert default_home().is_relative_to(os.environ["HOME"])


def test_home_is_absolute(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert load_config({"home": "data"}, {}).home == folder / "data"
    assert load_config({"home": "~/data"}, {}).home == folder / "data"


def test_the_representation_of_settings_has_no_secret():
    config = load_config({"github_token": "ghu_EXAMPLE0000", "home": "/x"}, {})
    assert "EXAMPLE" not in repr(config)
    assert "EXAMPLE" not in str(config)


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
SECONDS = st.floats(1e-6, 999_999).map(str)
ADDRESSES = st.sampled_from(
    ["https://a.example", "http://127.0.0.1:9", "https://b.example:1/p", "http://[::1]:2"]
)
BOOLEANS = st.sampled_from(["true", "false", "ON", "0"])
WRITTEN = {
    "host": st.sampled_from(["127.0.0.1", "localhost", "::1", "[::1]", "::", "*", "work.lan", "10.0.0.1"]),
    "port": st.integers(0, 65535).map(str),
    "ollama_port": st.integers(0, 65535).map(str),
    "workers": st.integers(1, 64).map(str),
    "server": st.sampled_from(SERVERS),
    "graceful_timeout": SECONDS,
    "home": WORDS.map(lambda word: "/" + word),
    "log_file": WORDS.map(lambda word: "/" + word),
    "github_token": WORDS,
    "account_type": st.sampled_from(["individual", "business", "enterprise"]),
    "enterprise_url": st.sampled_from(["octo.ghe.com", "https://b.ghe.com"]),
    "github_url": ADDRESSES,
    "github_api_url": ADDRESSES,
    "copilot_api_url": ADDRESSES,
    "auto_tier": st.sampled_from(["efficiency", "Balance"]),
    "web_search": st.sampled_from(["auto", "off", "MCP"]),
    "web_search_model": WORDS,
    "web_fetch": BOOLEANS,
    "model_mapping": st.dictionaries(WORDS, WORDS).map(json.dumps),
    "proxy": st.sampled_from(["http://proxy:1", "socks5h://me:p%20w@proxy:1", "proxy:3128"]),
    "proxy_env": BOOLEANS,
    "log_level": st.sampled_from(LOG_LEVELS),
    "debug": BOOLEANS,
    "show_token": BOOLEANS,
    "connect_timeout": SECONDS,
    "read_timeout": SECONDS,
    "keepalive": SECONDS,
    "keepalive_expiry": SECONDS,
    "connect_ahead": BOOLEANS,
    "client_websocket": BOOLEANS,
    "upstream_websocket": st.sampled_from(["auto", "off"]),
    "upstream_websocket_compression": st.sampled_from(["auto", "off"]),
    "upstream_websocket_connections": st.integers(1, 4096).map(str),
    "upstream_websocket_idle": SECONDS,
    "first_byte_timeout": SECONDS,
    "keep_copilot_fields": BOOLEANS,
    "response_limit_mb": st.integers(1, 65536).map(str),
    "direct_socket_io": BOOLEANS,
    "response_store_mb": st.integers(0, 65536).map(str),
    "editor_version": WORDS,
    "plugin_version": WORDS,
    "integration_id": WORDS,
    "api_version": WORDS,
}
CONFIGS = st.fixed_dictionaries({}, optional=WRITTEN)
OTHERS = st.dictionaries(st.sampled_from(sorted(FIELD_OF_VARIABLE.keys() - {"GH_TOKEN"})), st.just("true"))


@given(CONFIGS)
def test_another_process_loads_the_same(written):
    environ = {variable(name): raw for name, raw in written.items()}
    config = load_config(environ=environ)
    assert load_config(environ=config.environ()) == config


@given(CONFIGS, OTHERS)
def test_another_process_loads_the_same_whatever_it_inherits(written, inherited):
    """`start` hands its environment on to the server, with these on top."""
    config = load_config({name: raw for name, raw in written.items() if name in WITH_OPTION}, {})
    assert load_config(environ=inherited | config.environ()) == config


def test_a_simulation_inherits_no_unset_setting():
    """As `start --simulate` does with the address of the real Copilot."""
    inherited = {"COPILOT_BRIDGE_COPILOT_API_URL": "https://api.githubcopilot.com"}
    config = Config(copilot_api_url=None)
    assert load_config(environ=inherited | config.environ()).copilot_api_url is None


def test_a_value_is_spelled_as_the_environment_has_it():
    assert [spell(value) for value in (True, False, 1, 0.5, Secret("x"), Path("/a"))] == [
        *("true", "false", "1", "0.5", "x", "/a")
    ]


def test_the_process_environment_is_the_default_source(monkeypatch):
    monkeypatch.setenv("COPILOT_BRIDGE_PORT", "7")
    assert load_config().port == 7


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_has_a_description_and_well_formed_options(name):
    metadata = BY_NAME[name].metadata
    assert metadata["about"]
    assert all(re.fullmatch(r"-\w|--[a-z-]+(/--[a-z-]+)?", flag) for flag in metadata["flags"])


@pytest.fixture
def credentials(tmp_path):
    (tmp_path / "github-token").write_text("ghu_CREDENTIAL\n")
    return {"CREDENTIALS_DIRECTORY": str(tmp_path), "COPILOT_BRIDGE_ENV_FILE": ""}


def test_a_secret_may_be_a_credential(credentials):
    config = load_config({}, credentials)
    assert config.github_token == Secret("ghu_CREDENTIAL")
    assert config.origin("github_token").endswith("/github-token")


def test_a_credential_stands_between_the_environment_and_the_file(credentials, tmp_path):
    file = tmp_path / "settings"
    file.write_text("COPILOT_BRIDGE_GITHUB_TOKEN=ghu_FILE\n")
    assert load_config({}, credentials, file).github_token == Secret("ghu_CREDENTIAL")
    assert load_config({}, credentials | {"GH_TOKEN": "ghu_ENV"}, file).github_token == Secret("ghu_ENV")


def test_credentials_that_are_not_secrets_are_not_read(credentials, tmp_path):
    (tmp_path / "port").write_text("80")
    assert load_config({}, credentials).port == 4141


def test_an_empty_credential_does_not_count(credentials, tmp_path):
    (tmp_path / "github-token").write_text("\n")
    assert not load_config({}, credentials).github_token


@pytest.mark.parametrize("content", [b"\xff\xfe", b"two words"])
def test_a_malformed_credential_is_refused(credentials, tmp_path, content):
    (tmp_path / "github-token").write_bytes(content)
    with pytest.raises(ConfigError, match="github-token"):
        load_config({}, credentials)
