"""Network addresses: whose a request is, and as what it is counted: whoever has one IPv6 address has 2^64 of them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN: Final = "unknown"
_IPV6_PREFIX: Final = 64
_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")


def counted_address(text: str | None) -> str:
    """Return what an address is counted as: itself for IPv4, its network for IPv6, one word for anything else."""
    address = _parsed(text or "")
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))


def origin(peer: str | None, *, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Return the address that a request came from: the peer's, or whom a trusted proxy says it was passed on for.

    `forwarded` are the X-Forwarded-For headers. Each proxy adds at the end by whom it was asked, so they are read from
    there, and only as long as a trusted one has written them: what comes before may be anybody's invention.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    address = _parsed(peer or "")
    while address is not None and hops and any(address in network for network in trusted):
        before = _parsed(hops.pop())
        if before is None:
            break
        address = before
    return peer if address is None else str(address)


def _parsed(text: str) -> Address | None:
    """Return an address, with or without a port; one of IPv4 that is written as IPv6 is one of IPv4."""
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port[1] or with_port[2] or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
