"""How the machine draws: at random only, and from one seed the same in every process.

Left to itself, Hypothesis also plays its simplest play and variations of the last one, a good part of all steps, and
now and then draws a number that it found in the source of some module that is loaded, so that what a seed plays would
depend on what had run before it.
"""

from __future__ import annotations

from typing import Any

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

AT_RANDOM = "at random"


class _AtRandom(HypothesisProvider):
    def _maybe_draw_constant(self, *_args: Any, **_options: Any) -> None:
        return None


AVAILABLE_PROVIDERS[AT_RANDOM] = _AtRandom
