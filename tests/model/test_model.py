from __future__ import annotations

import pytest
from tests.model.play import play
from tests.model.stage import staged

STEPS = 20_000
SEEDS = range(4)
MOVING = {
    *("enqueue", "claim", "renew", "complete", "fail", "snooze", "release", "rescue"),
    *("promote", "advance", "cancel", "end cancelled", "retry", "update", "delete"),
}


@pytest.mark.parametrize("number", SEEDS)
def test_the_engine_does_what_the_model_does(fresh_url: str, number: int) -> None:
    """Whatever is done in whatever order, every verb answers as a dictionary would, and every table holds the same."""
    with staged(fresh_url) as stage:
        play(stage, number=number, steps=STEPS // 4)
        done = {name.removesuffix(": something") for name in stage.counts if name.endswith(": something")}
    assert done >= MOVING, "every verb that moves an item has moved some"
