from __future__ import annotations

from tools.tenancy_mutants import PACKAGE, mutants


def test_every_mutant_is_another() -> None:
    """Each mutant changes or adds something, and no two do the same, so that none survives for being nothing."""
    made = list(mutants())
    for mutant in made:
        path = PACKAGE / mutant.path
        assert not path.exists() or path.read_text(encoding="utf-8") != mutant.text, mutant.name
    assert len({(mutant.path, mutant.text) for mutant in made}) == len(made) > 100
