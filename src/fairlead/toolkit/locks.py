"""What a statement does to everybody else: the locks it takes, the tables it writes anew, and those it reads whole.

All of it is measured on a throw-away database that stands where the revision begins: each statement is run in a
transaction of its own, and then the server is asked what that transaction holds. Only what PostgreSQL refuses in a
transaction goes by a table of rules, written after its manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import psycopg

from fairlead.db.migrating.offline import Statement
from fairlead.db.migrating.wording import bare, index_built, index_dropped, stands_alone
from fairlead.errors import MigrationFailed

_Driver: TypeAlias = psycopg.Connection[tuple[Any, ...]]
# Every table that was there before the statement: its file, and how often this transaction has read it whole.
_TABLES: Final = """
select c.oid::bigint, c.oid::regclass::text, c.relfilenode::bigint, pg_stat_get_xact_numscans(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
"""
_HELD: Final = """
select distinct relation::bigint, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and granted
"""
_TABLE_OF_INDEX: Final = "select indrelid::regclass::text from pg_index where indexrelid = to_regclass(%s)"
# From the weakest to the strongest, with what others cannot do meanwhile.
MODES: Final = {
    "ACCESS SHARE": "in nobody's way",
    "ROW SHARE": "in nobody's way",
    "ROW EXCLUSIVE": "in nobody's way, as any write",
    "SHARE UPDATE EXCLUSIVE": "in the way of other changes of the schema and of vacuum only",
    "SHARE": "nobody writes meanwhile",
    "SHARE ROW EXCLUSIVE": "nobody writes meanwhile",
    "EXCLUSIVE": "nobody writes meanwhile",
    "ACCESS EXCLUSIVE": "nobody reads or writes meanwhile",
}
_RULES: Final = (
    (re.compile(r"vacuum\s*(?:\(.*\bfull\b|full\b)", re.IGNORECASE), "ACCESS EXCLUSIVE"),
    (re.compile(r"vacuum\b|reindex\b.*\bconcurrently\b", re.IGNORECASE | re.DOTALL), "SHARE UPDATE EXCLUSIVE"),
    (re.compile(r"cluster\b", re.IGNORECASE), "ACCESS EXCLUSIVE"),
    (re.compile(r"reindex\b", re.IGNORECASE), "SHARE"),
    (re.compile(r"alter\s+table\b", re.IGNORECASE), "SHARE UPDATE EXCLUSIVE"),  # DETACH PARTITION CONCURRENTLY
)
_BLOCK: Final = re.compile(r"(?:do|call)\b", re.IGNORECASE)
_LAST_NAME: Final = re.compile(r'(?P<name>(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))?)\s*;?\s*$')
_OF_ALTER: Final = re.compile(r"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<name>\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a table that was there before the revision, the strongest that the statement takes."""

    table: str
    mode: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What one statement does. Nothing is known of a block that commits by itself."""

    statement: str
    alone: bool  # outside of the revision's transaction, so that its locks end with it
    locks: tuple[Lock, ...]
    rewrites: tuple[str, ...]  # tables that get a new file
    reads_whole: tuple[str, ...]  # tables of which every row is read
    known_by: Literal["measured", "rule", "nothing"]


def effects(url: str, statements: Iterable[Statement]) -> list[Effect]:
    """Run the statements on the throw-away database at `url`, and return what each did; raises MigrationFailed."""
    with psycopg.connect(url, autocommit=True) as driver:
        known = {row[0] for row in driver.execute(_TABLES)}  # what comes later is in nobody's use
        return [_effect(driver, statement, known) for statement in statements]


def _effect(driver: _Driver, statement: Statement, known: set[int]) -> Effect:
    text = _for_the_session(statement.text)
    try:
        if stands_alone(text) and not _BLOCK.match(bare(text)):
            return _ruled(driver, statement, text)
        try:
            with driver.transaction():
                return _measured(driver, statement, text, known)
        except psycopg.errors.InvalidTransactionTermination:  # a block that commits by itself
            return _ruled(driver, statement, text)
    except psycopg.Error as error:
        raise MigrationFailed(
            f"It cannot be reviewed, since a statement fails: {str(error).splitlines()[0]}",
            details={"statement": statement.text},
        ) from error


def _ruled(driver: _Driver, statement: Statement, text: str) -> Effect:
    locks = tuple(_by_rule(driver, bare(text)))
    driver.execute(text.encode())
    known_by: Literal["rule", "nothing"] = "nothing" if _BLOCK.match(bare(text)) else "rule"
    return Effect(statement.text, statement.alone, locks, (), (), known_by)


def _measured(driver: _Driver, statement: Statement, text: str, known: set[int]) -> Effect:
    before = {row[0]: row for row in driver.execute(_TABLES) if row[0] in known}
    driver.execute(text.encode())
    strongest: dict[int, str] = {}
    for oid, mode in driver.execute(_HELD).fetchall():
        words = _words(mode)
        if oid in before and _rank(words) > _rank(strongest.get(oid, "")):
            strongest[oid] = words
    after = {row[0]: row for row in driver.execute(_TABLES) if row[0] in before}
    return Effect(
        statement.text,
        statement.alone,
        tuple(sorted((_lock(before[oid][1], mode) for oid, mode in strongest.items()), key=_by_strength)),
        tuple(before[oid][1] for oid in after if after[oid][2] != before[oid][2]),
        tuple(before[oid][1] for oid in after if after[oid][3] > before[oid][3]),
        "measured",
    )


def _for_the_session(text: str) -> str:
    """Let what is set for the revision's transaction hold for the session: here each statement has its own."""
    return re.sub(r"^set\s+local\b", "set", bare(text), flags=re.IGNORECASE) if is_local(text) else text


def is_local(text: str) -> bool:
    """Whether a statement sets something for its transaction."""
    return bool(re.match(r"set\s+local\b", bare(text), re.IGNORECASE))


def _by_rule(driver: _Driver, text: str) -> Iterator[Lock]:
    if build := index_built(text):
        yield _lock(build.table, "SHARE UPDATE EXCLUSIVE")
    elif index := index_dropped(text):
        row = driver.execute(_TABLE_OF_INDEX, [index]).fetchone()
        if row:
            yield _lock(row[0], "SHARE UPDATE EXCLUSIVE")
    else:
        mode = next((mode for rule, mode in _RULES if rule.match(text)), None)
        name = _OF_ALTER.match(text) or _LAST_NAME.search(text)
        if mode and name:
            yield _lock(name["name"], mode)


def _lock(table: str, mode: str) -> Lock:
    return Lock(table, mode, MODES.get(mode, ""))


def _words(mode: str) -> str:
    """Return `AccessExclusiveLock` as it is written in SQL."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


def _rank(mode: str) -> int:
    return list(MODES).index(mode) if mode in MODES else -1


def _by_strength(lock: Lock) -> tuple[int, str]:
    return -_rank(lock.mode), lock.table
