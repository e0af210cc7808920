"""Parsers of settings: functions from the text of a setting to its value.

They raise ValueError, which says what was expected.
"""

import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import orjson

from copilot_bridge.redaction import Secret

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def words(given: str) -> tuple[str, ...]:
    """Words, separated by commas."""
    return tuple(word(part) for part in given.split(",") if part.strip())


def key_list(given: str) -> tuple[Secret, ...]:
    return tuple(Secret(key) for key in words(given))


def share_tokens(given: str) -> tuple[tuple[Secret, Secret], ...]:
    """Pairs of share token and GitHub token, from `share-a:ghu_x,share-b:ghu_y`."""
    found = []
    for pair in words(given):
        share, _, token = pair.partition(":")
        if not share.startswith("share-") or len(share) < len("share-") + 1:
            raise ValueError("a share token begins with share- (`copilot-bridge gen-share-token` prints one)")
        if not token:
            raise ValueError("expected share-...:GITHUB_TOKEN, separated by commas")
        found.append((Secret(share), Secret(token)))
    return tuple(found)


def host_names(given: str) -> tuple[str, ...]:
    for host in words(given):
        if not HOST.fullmatch(host.removeprefix("[").removesuffix("]")):
            raise ValueError("expected names of hosts, without a port, separated by commas")
    return tuple(host.lower() for host in words(given))


def page_origins(given: str) -> tuple[str, ...]:
    """Origins as a browser spells them, without a path."""
    for origin in words(given):
        parts = urlsplit(origin)
        if not parts.scheme or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError(
                "expected origins like https://chat.example or http://localhost:3000; no wildcard"
            )
    return tuple(origin.lower() for origin in words(given))


def networks(given: str) -> tuple[str, ...]:
    """Addresses and networks, separated by commas."""
    for network in words(given):
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            raise ValueError("expected addresses or networks like 10.0.0.0/8, separated by commas") from error
    return words(given)


def boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return word in TRUE


def whole(least: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.strip().isdecimal() or not least <= int(text) <= maximum:
            raise ValueError(f"expected a whole number from {least} to {maximum}")
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
    """A word that fits into a header; a token copied from a shortened display (ghu_abc…) does not."""
    if not text(given).isascii() or " " in text(given):
        raise ValueError("expected ASCII characters and no spaces")
    return text(given)


def secret_word(given: str) -> Secret:
    return Secret(word(given))


def mapping(given: str) -> dict[str, str]:
    """A mapping of names of models, from a JSON object."""
    try:
        rows = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"expected a JSON object: {error}") from error
    if not isinstance(rows, dict):
        raise ValueError('expected a JSON object, like {"gpt-4": "gpt-4.1"}')
    for name, target in rows.items():
        if not name.strip() or not isinstance(target, str) or not target.strip():
            raise ValueError(f"{name!r}: expected a model name")
    return rows


def fallbacks(given: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Models for others that are refused, from `claude-opus-*: claude-sonnet-*, gpt-5-mini`.

    A name with a colon begins the next rule.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for part in words(given.replace(";", ",").replace(" ", "")):
        pattern, colon, name = part.rpartition(":")
        if colon and pattern and name:
            found.append((pattern, (name,)))
        elif found and not colon:
            found[-1] = (found[-1][0], (*found[-1][1], name))
        else:
            raise ValueError(
                "expected models and their fallbacks, like claude-opus-*: claude-sonnet-*, gpt-5-mini"
            )
    return tuple(found)


def postgres_url(given: str) -> Secret:
    if not given.strip().startswith(("postgresql://", "postgres://")):
        raise ValueError("expected postgresql://user:password@host/database")
    return Secret(word(given))


def path(given: str) -> Path:
    return Path(text(given)).expanduser().absolute()


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback, in any spelling: `[::1]`, `::ffff:127.0.0.1`."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def listen_host(given: str) -> str:
    """A host to listen on, in common spellings: a name, an address, `[::1]`, `*` for all."""
    host = text(given)
    if WITH_MORE.search(host):
        raise ValueError("expected a name or an address alone; the port is a setting of its own")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return "::" if host == "*" else "localhost" if host.lower() == "localhost" else host


# A URL, or a port behind it.
WITH_MORE = re.compile(r"/|\]:|^[^:]*:\d*$")

HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+", re.IGNORECASE)


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL; None if no request could go there."""
    try:
        parts = urlsplit(url)
        usable = HOST.fullmatch(parts.hostname or "") and ".." not in url and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if usable else None


def base_url(given: str) -> str:
    """An https address without a trailing slash; plain http is accepted for loopback only."""
    parts = split_url(given.strip())
    if not parts or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise ValueError("expected an address like https://api.github.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("plain http is accepted on loopback only; use https")
    return given.strip().rstrip("/")


def web_address(given: str) -> Secret:
    """Any address to which a notice can be posted; it may hold a secret."""
    parts = split_url(given.strip())
    if not parts or parts.scheme not in ("http", "https"):
        raise ValueError("expected an address like https://hooks.example/budget")
    return Secret(given.strip())


def enterprise(given: str) -> str:
    """The host of an enterprise, from `octo.ghe.com` or `https://octo.ghe.com`."""
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
    """The address of a proxy.  `socks://`, as GNOME writes it, resolves names at the proxy (SOCKS 5)."""
    url = given.strip() if "://" in given else f"http://{given.strip()}"
    url = re.sub(r"^socks(?=://)", "socks5h", url, flags=re.IGNORECASE)
    parts = split_url(url)
    if not parts or parts.scheme not in PROXY_SCHEMES:
        raise ValueError(f"expected an address like http://proxy:3128 ({', '.join(PROXY_SCHEMES)})")
    return url.rstrip("/")
