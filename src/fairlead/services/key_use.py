"""When API keys were last used: collected in memory and written down now and then, so that no request waits for it.

`last_used_at` is therefore late by the time between two flushes, and what a killed process had collected is lost.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fairlead.db.rows import touch_rows
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import SystemScope, system
from fairlead.schema.api_keys import ApiKey as ApiKeyTable

_SCOPE: Final = system("write down which API keys were used")
_MOST: Final = 10_000


async def record_key_use(session: Session, scope: SystemScope, *, api_key_ids: Collection[str]) -> None:
    """Write down that keys were used now, by the database's clock, in one statement.

    A key that is gone is left out; a time that is there already never moves back.
    """
    await touch_rows(session, scope, ApiKeyTable, ids=api_key_ids, column="last_used_at")


class KeyUse:
    """The keys used since the last flush, each once, and at most so many of them.

    Beyond `most` a use is not noted; the key's next one after the flush is.
    """

    def __init__(self, database: Database, *, most: int = _MOST) -> None:
        self._database = database
        self._most = most
        self._used: set[str] = set()

    def note(self, api_key_id: str) -> None:
        """Remember that a key was used; never waits and never fails."""
        if len(self._used) < self._most:
            self._used.add(api_key_id)

    async def flush(self) -> None:
        """Write down what was noted, in a transaction of its own.

        Whatever ends it early loses nothing: the next flush tries it again. Raises the errors of `db/sqlstate.py`.
        """
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with self._database.unit_of_work(_SCOPE) as session:
                await record_key_use(session, _SCOPE, api_key_ids=used)
        except BaseException:
            for api_key_id in used:
                self.note(api_key_id)
            raise
