from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest

from fairlead.domain.addresses import UNKNOWN, counted_address, origin

TRUSTED = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "127.0.0.1", "2001:db8::/32")]


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:8080", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("unix:", UNKNOWN),
        (None, UNKNOWN),
        ("", UNKNOWN),
        ("testclient", UNKNOWN),
        ("1.2.3.4.5", UNKNOWN),
    ],
)
def test_what_an_address_is_counted_as(text: str | None, counted: str) -> None:
    """One of IPv4 is counted as itself, one of IPv6 as its network, and whatever is none as one word."""
    assert counted_address(text) == counted


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # whoever is connected is no proxy
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::1", ["2001:4860::7"], "2001:4860::7"),
        ("10.1.1.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the first one may be invented
        ("10.1.1.1", ["203.0.113.9", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),  # two proxies
        ("10.1.1.1", ["198.51.100.1:5000"], "198.51.100.1"),
        ("10.1.1.1", ["203.0.113.9, nonsense"], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9, "], "10.1.1.1"),
        ("10.1.1.1", ["10.3.3.3"], "10.3.3.3"),
        (None, ["198.51.100.1"], None),
        ("socket", ["198.51.100.1"], "socket"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str | None, forwarded: Sequence[str], found: str | None) -> None:
    """What X-Forwarded-For says counts from its end, as long as a trusted proxy has written it."""
    assert origin(peer, forwarded=forwarded, trusted=TRUSTED) == found
