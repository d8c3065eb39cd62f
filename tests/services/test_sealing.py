from __future__ import annotations

import pytest

from fairlead.services.sealing import SealBroken, seal, unseal

SECRET = b"a secret for tests, at least this long"


def test_what_is_sealed_comes_back() -> None:
    """What was sealed comes back whole, nothing of it can be read meanwhile, and no two seals are alike."""
    sealed = [seal(b"plain text", secret=SECRET, purpose="p", of="row") for _ in range(2)]

    assert [unseal(one, secret=SECRET, purpose="p", of="row") for one in sealed] == [b"plain text"] * 2
    assert sealed[0] != sealed[1]
    assert b"plain" not in sealed[0]


@pytest.mark.parametrize(
    "change",
    [{"secret": SECRET + b"!"}, {"purpose": "q"}, {"of": "another row"}],
    ids=["secret", "purpose", "row"],
)
def test_elsewhere_it_does_not_open(change: dict[str, str]) -> None:
    """With another secret, for another purpose or in another row nothing comes back."""
    sealed = seal(b"plain text", secret=SECRET, purpose="p", of="row")
    with pytest.raises(SealBroken):
        unseal(sealed, **{"secret": SECRET, "purpose": "p", "of": "row", **change})  # type: ignore[arg-type]  # of mixed types


def test_a_changed_seal_does_not_open() -> None:
    """One changed bit anywhere, or a seal cut short, and nothing comes back."""
    sealed = seal(b"plain", secret=SECRET, purpose="p", of="row")
    changed = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    for wrong in (*changed, sealed[:-1], sealed[:12], b""):
        with pytest.raises(SealBroken):
            unseal(wrong, secret=SECRET, purpose="p", of="row")
