"""Network addresses, as attempts are counted by them: whoever has one IPv6 address has 2^64 of them."""

from __future__ import annotations

import ipaddress
from typing import Final

UNKNOWN: Final = "unknown"
_IPV6_PREFIX: Final = 64


def counted_address(text: str | None) -> str:
    """Return what an address is counted as: itself for IPv4, its network for IPv6, one word for anything else."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))
