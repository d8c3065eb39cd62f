from __future__ import annotations

import pytest

from fairlead.domain.addresses import counted_address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("unix:", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_what_one_person_has(address: str | None, counted: str) -> None:
    """IPv4 is counted by the address and IPv6 by the network; anything else is one address together."""
    assert counted_address(address) == counted
