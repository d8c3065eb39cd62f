from __future__ import annotations

from fairlead.domain.budgets import BUDGETS, takes_for

ADA, BOB = "ada@example.org", "bob@example.org"


def test_who_is_at_home_takes_from_no_bucket_that_a_stranger_can_empty() -> None:
    """Nothing that anybody does from elsewhere, to this account or another, takes from what home takes from."""
    for kind in BUDGETS:
        home = {take.name for take in takes_for(kind, account=ADA, address="192.0.2.1", usual=True)}
        for account in (ADA, BOB):
            elsewhere = takes_for(kind, account=account, address="198.51.100.9", usual=False)
            assert home.isdisjoint(take.name for take in elsewhere)


def test_strangers_share_a_bucket() -> None:
    """Whoever tries one account from many addresses takes from one bucket all the time."""
    first, second = [
        {take.name for take in takes_for("sign_in", account=ADA, address=address, usual=False)}
        for address in ("198.51.100.9", "203.0.113.5")
    ]
    assert len(first & second) == 2


def test_no_name_tells_whose_it_is() -> None:
    """Neither an account's address nor a network's can be read in a bucket's name."""
    names = [take.name for take in takes_for("mail", account=ADA, address="192.0.2.1", usual=False)]
    assert len(set(names)) == 4
    assert not any("ada" in name or "192" in name for name in names)
