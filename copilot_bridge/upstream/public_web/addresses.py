"""Addresses that everybody can reach, and the addresses behind a name."""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from msgspec import Struct

from copilot_bridge.upstream.public_web.errors import FetchError

Address = IPv4Address | IPv6Address

# The whole tables, because ipaddress's is_global depends on Python's patch level: before 3.11.10 it
# calls most of 192.0.0.0/24 global.  Source: IANA's special-purpose address registries.
NOT_PUBLIC = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a provider's NAT; some clouds keep their metadata here
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by its number, yet Azure's own service for its machines
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
)
GLOBAL_UNICAST = IPv6Network("2000::/3")  # all else is local, multicast or unassigned
NOT_PUBLIC_6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052

# "127.1", "0x7f000001", "2130706433": a host that ends in a number is an address (WHATWG URL, 3.5).
NUMERIC = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Return whether everybody can reach an address, so that reaching it through the bridge gains nothing."""
    address = unwrapped(address)
    if isinstance(address, IPv6Address):
        return address in GLOBAL_UNICAST and not any(address in network for network in NOT_PUBLIC_6)
    return not any(address in network for network in NOT_PUBLIC)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to: ::ffff:a.b.c.d, 6to4, NAT64."""
    if not isinstance(address, IPv6Address):
        return address
    translated = IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
    return address.ipv4_mapped or address.sixtofour or translated or address


class ResolvedAddress(Struct, frozen=True):
    """One of the addresses of a name, in the socket module's terms."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    @property
    def address(self) -> Address:
        return ip_address(self.sockaddr[0])


def resolve(host: str, port: int) -> list[ResolvedAddress]:
    """The addresses of a name.

    :raises FetchError: there is no such name.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"there is no host {host}") from error
    return [ResolvedAddress(family, sockaddr) for family, _, _, _, sockaddr in found]
