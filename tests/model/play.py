"""Play the state machine for a number of steps, from a seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.model.administration import Administration
from tests.model.draws import AT_RANDOM
from tests.model.stage import Stage, staged

from fairlead.db.scratch import ScratchServer, scratch_database

RULES_A_PLAY = 60
STEPS_A_PLAY = 75  # or so: some rules take several


def play(stage: Stage, *, number: int, steps: int, shrink: bool = False) -> None:
    """Take at least `steps` steps; the same `number` takes the same ones.

    A fault is raised with the play that led to it; to `shrink` that to its shortest may take minutes.
    """
    goal, round_ = stage.counts["steps"] + steps, 0
    while (left := goal - stage.counts["steps"]) > 0:
        _play(stage, number=number * 1_000_000 + round_, steps=left, shrink=shrink)
        round_ += 1


def play_a_part(server: ScratchServer, template: str, *, number: int, steps: int) -> Counter[str]:
    """Play in a database of its own; return what was done. A fault is shrunk to its shortest play."""
    with scratch_database(server, name=f"{template}_{number}", template=template) as url, staged(url) as stage:
        play(stage, number=number, steps=steps, shrink=True)
        return stage.counts


def _play(stage: Stage, *, number: int, steps: int, shrink: bool) -> None:
    class Play(Administration):
        pass

    Play.stage = stage
    options = settings(
        max_examples=max(1, steps // STEPS_A_PLAY),
        stateful_step_count=RULES_A_PLAY,
        backend=AT_RANDOM,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.normal,
    )
    run_state_machine_as_test(seed(number)(Play), settings=options)
