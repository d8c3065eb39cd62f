"""The plan of a statement, as the server makes it for a role, and what it scans: for all values, or for given ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncCursor, ClientCursor, sql

from fairlead.db.session import Session
from fairlead.db.statement import Statement

_PARAMETER = re.compile(r"%\((\w+)\)s")
# The planner's memory of a table that held much once and was empty when it was last looked at.
_CLAIM_EMPTY = "update pg_class set reltuples = 0 where oid = 'queue_items_live'::regclass"
# A table that was loaded since it was made and never looked at.
_CLAIM_UNKNOWN = "update pg_class set reltuples = -1, relpages = 0 where oid = 'queue_items_live'::regclass"
_FORGET = "delete from pg_statistic where starelid = 'queue_items_live'::regclass"
# A whole database that was made and filled, and none of whose tables was ever looked at.
_OURS = "(select c.oid from pg_class c where c.relnamespace = 'public'::regnamespace)"
_ALL_UNKNOWN = f"update pg_class set reltuples = -1, relpages = 0 where relkind = 'r' and oid in {_OURS}"  # noqa: S608 - ours
_FORGET_ALL = f"delete from pg_statistic where starelid in {_OURS}"  # noqa: S608 - ours
STATISTICS = {
    "empty": (_CLAIM_EMPTY, _FORGET),
    "unknown": (_CLAIM_UNKNOWN, _FORGET),
    "new": (_ALL_UNKNOWN, _FORGET_ALL),
    "new but for the live leaf": (_ALL_UNKNOWN, _FORGET_ALL, _CLAIM_EMPTY),
    "analyzed": (),
}


@dataclass(frozen=True)
class Plan:
    """The nodes of a plan, outermost first."""

    nodes: tuple[dict[str, Any], ...]

    def scans_of(self, *relations: str) -> set[str]:
        """Return how `relations` are read, as `Index Scan queue_items_queue_idx`, `Tid Scan` or `Seq Scan`."""
        return {
            " ".join(filter(None, (node["Node Type"], node.get("Index Name"))))
            for node in self.nodes
            if node.get("Relation Name") in relations and node["Node Type"] != "ModifyTable"
        }

    def found_by(self, *relations: str) -> set[str]:
        """Return by which indexes rows of `relations` are found, by a bitmap of theirs too, or else how."""
        return {
            below.get("Index Name", below["Node Type"])
            for node in self.nodes
            if node.get("Relation Name") in relations and node["Node Type"] != "ModifyTable"
            for below in (_walk(node, inputs_only=True) if node["Node Type"] == "Bitmap Heap Scan" else [node])
            if below["Node Type"] not in {"Bitmap Heap Scan", "BitmapOr", "BitmapAnd"}
        }

    def indexes(self) -> set[str]:
        """Return the indexes that are read, in whatever way."""
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    def searches(self, index: str = "") -> set[str]:
        """Return the conditions by which indexes, or one, are entered; what only filters rows is not among them."""
        return {
            node["Index Cond"]
            for node in self.nodes
            if "Index Cond" in node and (not index or node.get("Index Name") == index)
        }

    def common_table(self, name: str) -> Plan:
        """Return the part of the plan that makes the common table of that name."""
        [made] = [node for node in self.nodes if node.get("Subplan Name") == f"CTE {name}"]
        return Plan(tuple(_walk(made)))

    def sorted_inputs(self) -> set[str]:
        """Return the relations whose rows a sort is given; one looked up for a single value is not among them."""
        return {
            relation
            for node in self.nodes
            if "Sort" in node["Node Type"]
            for below in _walk(node, inputs_only=True)
            if (relation := below.get("Relation Name"))
        }


@contextmanager
def planning(url: str, role: str, *, organization_id: str, statistics: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection that plans as `role` does, with the table's statistics as named; nothing of it stays."""
    with psycopg.connect(url) as connection:
        for statement in STATISTICS[statistics]:
            connection.execute(statement.encode())
        connection.execute("set local plan_cache_mode = force_generic_plan")
        connection.execute("select set_config('fairlead.organization_id', %s, true)", [organization_id])
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        yield connection
        connection.rollback()


@dataclass(frozen=True)
class Sent:
    """A statement as it went to the driver, with its parameters."""

    text: str
    parameters: dict[str, Any]


@contextmanager
def recorded(session: Session) -> Iterator[list[Sent]]:
    """Give a list that grows with each statement the session sends inside the block."""
    sent: list[Sent] = []

    class Recording(AsyncCursor[Any]):
        async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            sent.append(Sent(query.decode() if isinstance(query, bytes) else str(query), params))
            return await super().execute(query, params, **options)

    driver = session._driver
    before, driver.cursor_factory = driver.cursor_factory, Recording
    try:
        yield sent
    finally:
        driver.cursor_factory = before


def generic_plan(connection: psycopg.Connection[Any], statement: Statement) -> Plan:
    """Prepare the statement as the driver would and return the plan that serves all values of its parameters."""
    return plan_for_all_values(connection, statement.driver_text.decode())


def plan_for_all_values(connection: psycopg.Connection[Any], text: str) -> Plan:
    """Do the same for a statement's text with its parameters in the driver's form."""
    names = list(dict.fromkeys(_PARAMETER.findall(text)))
    numbered = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", text)
    connection.execute(f"prepare planned as {numbered}".encode())
    values = f"({', '.join(['null'] * len(names))})" if names else ""
    (row,) = connection.execute(f"explain (format json) execute planned {values}".encode()).fetchall()
    return Plan(tuple(_walk(row[0][0]["Plan"])))


def plan_for_its_values(connection: psycopg.Connection[Any], sent: Sent) -> Plan:
    """Return the plan that the statement's own values get, as they do before it is prepared."""
    (row,) = connection.execute(f"explain (format json) {sent.text}".encode(), sent.parameters).fetchall()
    return Plan(tuple(_walk(row[0][0]["Plan"])))


def pages_read(connection: psycopg.Connection[Any], sent: Sent, *, generic: bool) -> int:
    """Run a statement and return how many pages it looked at, whether they were in memory or not.

    `generic` runs it with the plan that serves all values. What a part of it changes after its last row has come is
    counted where it is done.
    """
    top, *below = _analyzed(connection, sent, "analyze, buffers", generic=generic)
    return _pages(top) + sum(_pages(node) for node in below if node["Node Type"] == "ModifyTable")


def most_rows(connection: psycopg.Connection[Any], sent: Sent, *, generic: bool) -> int:
    """Run a statement and return how many rows the busiest node of its plan handled, those it threw away among them."""
    return max(_rows(node) for node in _analyzed(connection, sent, "analyze", generic=generic))


def _analyzed(connection: psycopg.Connection[Any], sent: Sent, options: str, *, generic: bool) -> list[dict[str, Any]]:
    """Run a statement with the plan for its own values, or for all values, and return the plan's nodes."""
    if generic:
        names = list(dict.fromkeys(_PARAMETER.findall(sent.text)))
        numbered = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", sent.text).replace("%%", "%")
        connection.execute(f"prepare measured as {numbered}".encode())
        given = f"({', '.join(f'%({name})s' for name in names)})" if names else ""
        cursor = ClientCursor(connection)
        cursor.execute(f"explain ({options}, format json) execute measured {given}".encode(), sent.parameters)
        rows = cursor.fetchall()
        connection.execute("deallocate measured")
    else:
        text = f"explain ({options}, format json) {sent.text}"
        rows = connection.execute(text.encode(), sent.parameters).fetchall()
    return list(_walk(rows[0][0][0]["Plan"]))


def _rows(node: dict[str, Any]) -> int:
    left_out = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter", "Index Recheck"))
    return int((node["Actual Rows"] + left_out) * node["Actual Loops"])


def _pages(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _walk(node: dict[str, Any], *, inputs_only: bool = False) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        if not (inputs_only and below["Parent Relationship"] in {"SubPlan", "InitPlan"}):
            yield from _walk(below, inputs_only=inputs_only)
