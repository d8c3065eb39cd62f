"""Where the model is played: one database with a clock, one loop, and what was counted on the way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import uvloop
from tests.fixtures.clock import START, ClockedDatabase, install_clock
from tests.model.observed import Observer
from tests.model.steps import Fate, Step, attempt, compare
from tests.model.world import Organization, Queue, World

from fairlead.db.connect import DatabaseOptions
from fairlead.domain import ids

_EMPTY = """
delete from queue_items; delete from organizations; delete from item_counters; delete from ordering_turns;
delete from audit_events
"""
_MAKE_ORGANIZATION = "insert into organizations (id, name, slug) values (%s, 'Model', %s)"
_MAKE_QUEUE = "insert into queues (id, organization_id, name, max_concurrency) values (%s, %s, %s, null)"


class Stage:
    """One database, emptied before each play; `counts` say how often each kind of step was taken, and changed much."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.counts: Counter[str] = Counter()
        self.database = ClockedDatabase(DatabaseOptions(url=url, application_name="model", pool_size=1))
        self.observer = Observer(url)
        self._runner = runner

    def begin(self) -> World:
        """Return a world of two organizations with two queues each, in which nothing has happened yet."""
        self.database.now = START
        world = World()
        self.observer.connection.execute(_EMPTY)
        for organization_id in (ids.new_id(), ids.new_id()):
            self.observer.connection.execute(_MAKE_ORGANIZATION, [organization_id, organization_id])
            world.organizations[organization_id] = Organization(organization_id)
            for queue_id in (ids.new_id(), ids.new_id()):
                self.observer.connection.execute(_MAKE_QUEUE, [queue_id, organization_id, queue_id])
                world.queues[queue_id] = Queue(queue_id, organization_id)
        return world

    def take(self, name: str, step: Step, *, fate: Fate) -> Any:
        """Take a step, let the model follow, and return the answer; what was not committed the model has not seen."""
        answer = self._runner.run(attempt(self.database, self.observer, step=step, fate=fate))
        self.counts["steps"] += 1
        if fate is Fate.COMMITTED:
            compare(step, answer)
            self.counts[
                f"{name}: {'an error' if isinstance(answer, Exception) else 'something' if answer else '-'}"
            ] += 1
        else:
            self.counts[fate.value] += 1
        return answer

    def close(self) -> None:
        """Close every connection."""
        self._runner.run(self.database.close())
        self.observer.close()


@contextmanager
def staged(url: str) -> Iterator[Stage]:
    """Set up a stage in a migrated database that only it uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stage = Stage(install_clock(url), runner)
        try:
            yield stage
        finally:
            stage.close()


@contextmanager
def repeatable_ids() -> Iterator[None]:
    """Draw ids that are the same whenever the same play is played again."""
    drawn = random.Random(0)  # noqa: S311 - to be repeated is what they are for
    with patch.object(ids, "_drawn", lambda alphabet, count: "".join(map(chr, drawn.choices(alphabet, k=count)))):
        yield
