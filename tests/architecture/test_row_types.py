from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import pytest
from tests.architecture.source_tree import imports, insist, layers

from fairlead import rows
from fairlead.schema import Base, metadata

MODELS: dict[str, type[Base]] = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
IMPORTABLE = ("dataclasses.", "datetime.", "typing.", "fairlead.domain.", "fairlead.rows.")


def _row(table: str) -> Any:
    return getattr(rows, MODELS[table].__name__)


def _new_row(table: str) -> Any:
    return getattr(rows, f"New{MODELS[table].__name__}")


def _made_elsewhere(table: str) -> set[str]:
    """The columns that the database makes or that the scope says."""
    return {
        column.name
        for column in metadata.tables[table].columns
        if column.computed is not None
        or column.identity is not None
        or column.name == "organization_id" == MODELS[table].row_security.column
    }


def test_the_package_lists_two_types_a_table() -> None:
    """Every table has its row type and its new-row type in fairlead.rows, and nothing else is there."""
    names = {name for model in MODELS.values() for name in (model.__name__, f"New{model.__name__}")}
    assert MODELS.keys() == metadata.tables.keys()
    assert set(rows.__all__) == names


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_row_has_the_columns_that_are_not_hidden(table: str) -> None:
    """A row is frozen and has exactly the table's open columns, in their order, null where the column may be."""
    row, columns = _row(table), [column for column in metadata.tables[table].columns if not column.info.get("hidden")]
    assert row.__dataclass_params__.frozen
    assert [(field.name, type(None) in get_args(field.type)) for field in fields(row)] == [
        (column.name, column.nullable) for column in columns
    ]


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_new_row_asks_for_what_only_the_caller_knows(table: str) -> None:
    """A new row needs what has no default, may have the rest, and never names what is computed or scoped."""
    given = [column for column in metadata.tables[table].columns if column.name not in _made_elsewhere(table)]
    needed = {
        column.name
        for column in given
        if not column.nullable and column.default is None and column.server_default is None and column.name != "id"
    }
    assert _new_row(table).__required_keys__ == needed
    assert _new_row(table).__optional_keys__ == {column.name for column in given} - needed


def test_hashes_are_hidden() -> None:
    """A hash of a secret is read by the statements that compare it and by nobody else."""
    insist(
        [
            str(column)
            for table in metadata.tables.values()
            for column in table.columns
            if "hash" in column.name and not column.info.get("hidden")
        ],
        "Mark these columns: mapped_column(info=HIDDEN).",
    )


def test_rows_know_only_the_domain() -> None:
    """A row is a plain value that every layer may hold: it brings nothing along but the domain's words."""
    insist(
        [
            source.at(node)
            for source in layers("rows")
            for name, node in imports(source)
            if not f"{name}.".startswith(IMPORTABLE)
        ],
        "Let columns of the schema have types of the standard library or of domain/.",
    )
