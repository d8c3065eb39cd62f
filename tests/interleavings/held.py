"""A verb in a transaction of its own that goes on by a statement at a time, when it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from tests.fixtures.clock import ClockedDatabase
from tests.interleavings.ground import Ground
from tests.interleavings.verbs import Verb

from fairlead.db.session import Session
from fairlead.errors import FairleadError

_PATIENCE_SECONDS = 10
_LOOK_SECONDS = 0.002  # after which a statement that has not ended may be waiting for a lock


class _GivenUp(Exception):
    """The program ends here."""


class HeldVerb:
    """A verb that is held before each of its statements, and before its commit."""

    def __init__(self, database: ClockedDatabase, verb: Verb, *, commits: bool = True) -> None:
        self.answer: Any = None
        self.statements = 0
        self.verb = verb
        self._database, self._commits = database, commits
        self._process_id = 0
        self._at_gate = self._is_open = False
        self._gate = asyncio.Event()
        self._news = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: self._news.set())

    @property
    def is_over(self) -> bool:
        """Whether the transaction has ended."""
        return self._task.done()

    async def go(self, ground: Ground, statements: int) -> None:
        """Let it run that many statements, the commit counting as one; less when it has to wait for the other."""
        await self._settled(ground)
        for _ in range(statements):
            if self._at_gate:
                self._at_gate = False
                self._gate.set()
            await self._settled(ground)

    async def finish(self, ground: Ground) -> None:
        """Let it run to its end, which it may have to wait for."""
        self._is_open, self._at_gate = True, False
        self._gate.set()
        await self._settled(ground)

    async def ended(self) -> Any:
        """Return its answer, or its error's name, when it has ended."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._task
        return self.answer

    async def _settled(self, ground: Ground) -> None:
        """Return as soon as it is held at a gate, has ended or waits for a lock."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (self._at_gate or self.is_over):
            self._news.clear()
            with anyio.move_on_after(_LOOK_SECONDS):
                await self._news.wait()
                continue
            if self._process_id and ground.is_blocked(self._process_id):
                return
            if time.monotonic() > deadline:
                pytest.fail(f"{self.verb.name} neither goes on nor waits for anybody")

    async def _run(self) -> None:
        self._database.now = self.verb.now
        try:
            async with self._database.unit_of_work(self.verb.scope) as session:
                self._process_id = session._driver.info.backend_pid
                self._hold(session)
                self.answer = await self.verb.work(session)
                await self._pass()
                self._end()
        except _GivenUp:
            self.answer = None
        except FairleadError as error:
            self.answer = type(error).__name__

    def _end(self) -> None:
        if not self._commits:
            raise _GivenUp

    def _hold(self, session: Session) -> None:
        for name in ("run", "row_count", "execute"):
            setattr(session, name, self._gated(getattr(session, name)))

    def _gated(self, statement: Callable[..., Any]) -> Callable[..., Any]:
        async def gated(*arguments: Any) -> Any:
            await self._pass()
            self.statements += 1
            return await statement(*arguments)

        return gated

    async def _pass(self) -> None:
        if not self._is_open:
            self._at_gate = True
            self._news.set()
            await self._gate.wait()
            if not self._is_open:
                self._gate.clear()
