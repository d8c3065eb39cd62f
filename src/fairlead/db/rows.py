"""Rows of plain nouns, written and read as frozen dataclasses.

A read model names the columns it shows: each of its fields is a column of the table. What is written and what comes
back are therefore one statement. Items are not plain: their statements are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Select, insert
from sqlalchemy.orm import InstrumentedAttribute

from fairlead.db.session import Session
from fairlead.errors import NotFound
from fairlead.schema.base import Base

Model = TypeVar("Model")


def columns(table: type[Base], model: Any) -> list[InstrumentedAttribute[Any]]:
    """Return the columns of `table` that the fields of the dataclass `model` name, in their order."""
    return [getattr(table, field.name) for field in fields(model)]


async def insert_row(
    session: Session, table: type[Base], *, values: Mapping[str, Any], model: Callable[..., Model]
) -> Model:
    """Insert one row and return it, with what the database filled in, as `model`."""
    statement = insert(table).values(**values).returning(*columns(table, model))
    return model(*(await session.execute(statement)).one())


async def add_row(session: Session, table: type[Base], *, values: Mapping[str, Any]) -> None:
    """Insert one row that nobody needs to see again."""
    await session.execute(insert(table).values(**values).inline())


async def read_rows(session: Session, statement: Select[Any], *, model: Callable[..., Model]) -> list[Model]:
    """Run a select of `columns(…, model)` and return its rows as `model`."""
    return [model(*row) for row in (await session.execute(statement)).all()]


async def read_row(session: Session, statement: Select[Any], *, model: Callable[..., Model]) -> Model:
    """Return the one row of a select of `columns(…, model)`; raises NotFound when there is none."""
    rows = await read_rows(session, statement, model=model)
    if not rows:
        raise NotFound
    return rows[0]
