"""What a command of `fairlead db` works on: an application's metadata and migrations, or Fairlead's own.

An application says in the `pyproject.toml` of its directory, or of one above it, where they are:

    [tool.fairlead.db]
    metadata = "shop.schema:metadata"     # a MetaData, or a declarative base
    migrations = "migrations"             # the folder that holds versions/
    schemas = ["shop"]                    # what is compared; left out: the default schema
    version_table = "alembic_version"     # as the application's env.py says
    version_schema = "shop"               # left out: public, wherever the search_path of a login leads
    owner = "shop_owner"                  # the role that owns the tables; left out: whoever migrates
    name = "shop"                         # left out: the project's name

Without that section the target is Fairlead's own schema, which `name="fairlead"` asks for next to an application's.
"""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from sqlalchemy import MetaData

from fairlead.db import migrate
from fairlead.db.migrating.revisions import DEFAULT_SCHEMA
from fairlead.errors import TargetInvalid
from fairlead.schema import metadata as own_metadata
from fairlead.schema.row_security import OWNER_ROLE

OWN: Final = "fairlead"
_SECTION: Final = "[tool.fairlead.db]"


@dataclass(frozen=True, slots=True)
class Target:
    """A declared schema and the migrations that build it."""

    name: str
    metadata: MetaData
    migrations: Path  # holds versions/; Alembic's own command goes on working on the same files
    version_table: str
    version_schema: str | None = None
    schemas: tuple[str, ...] = ()  # what is compared; (): the default schema
    owner: str | None = None  # the role that owns the tables, as which revisions work; None: the login's own


def _several(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    metadata: str
    migrations: Path
    name: str = ""
    version_table: str = "alembic_version"
    version_schema: str | None = None
    schemas: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    owner: str | None = None


def load_target(directory: Path, *, name: str = "") -> Target:
    """Return what the nearest `pyproject.toml` names, or Fairlead's own; `name` insists on one of the two.

    Raises TargetInvalid that says what to write.
    """
    found = None if name == OWN else _nearest(directory.resolve())
    target = _declared(*found) if found else own()
    if name and name != target.name:
        raise TargetInvalid(f"There is no target {name!r} here: use {target.name!r} or {OWN!r}.")
    return target


def insist_all_compared(target: Target) -> None:
    """Raise TargetInvalid when the models have tables in schemas that are not compared: nobody would ever make them."""
    compared = target.schemas or (DEFAULT_SCHEMA,)
    tables = ((table.schema or DEFAULT_SCHEMA, table.name) for table in target.metadata.tables.values())
    if astray := sorted(table for table in tables if table[0] not in compared):
        every = json.dumps([*compared, *sorted({schema for schema, _ in astray})])
        raise TargetInvalid(
            f"Some tables of the models are in schemas that are not compared. Write in {_SECTION}: schemas = {every}",
            details={f"{schema}.{name}": "It would not be made, and no drift of it seen." for schema, name in astray},
        )


def noted(directory: Path) -> dict[str, Any]:
    """Return what the nearest `pyproject.toml` says, as it stands there: the models it names may be yet to come."""
    found = _nearest(directory.resolve())
    return found[1] if found else {}


def own() -> Target:
    """Return Fairlead's own schema as a target."""
    return Target(OWN, own_metadata, migrate.LOCATION, migrate.VERSION_TABLE, owner=OWNER_ROLE)


def _nearest(directory: Path) -> tuple[Path, dict[str, Any]] | None:
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            project = _read(path)
            section = project.get("tool", {}).get("fairlead", {}).get("db")
            if section is not None:
                return path, {"name": project.get("project", {}).get("name", folder.name), **section}
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetInvalid(f"{path} cannot be read: {error}") from error


def _declared(path: Path, given: dict[str, Any]) -> Target:
    try:
        section = _Section(**given)
    except ValidationError as error:
        details = {".".join(map(str, problem["loc"])): problem["msg"] for problem in error.errors()}
        raise TargetInvalid(f"{_SECTION} in {path} cannot be used.", details=details) from None
    migrations = path.parent / section.migrations
    if not (migrations / "versions").is_dir():
        raise TargetInvalid(
            f"{_SECTION} in {path} names the migrations {section.migrations}, but there is no folder "
            f"{migrations / 'versions'}: make it, or mend `migrations`."
        )
    metadata = _metadata(section.metadata, path)
    return Target(
        section.name,
        metadata,
        migrations,
        section.version_table,
        section.version_schema,
        section.schemas,
        section.owner,
    )


def _metadata(reference: str, path: Path) -> MetaData:
    """Return the MetaData at `module:attribute`, imported from beside `path` or from its `src`."""
    for folder in (path.parent / "src", path.parent):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module, _, attribute = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute or "metadata")
    except Exception as error:
        problem = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        told = f"`metadata = {reference!r}` cannot be imported: {problem}"
        raise TargetInvalid(f"{_SECTION} in {path}: {told}") from error
    found = getattr(found, "metadata", found)
    if not isinstance(found, MetaData):
        raise TargetInvalid(
            f"{_SECTION} in {path}: {reference!r} is no MetaData and no declarative base, but a {type(found).__name__}."
        )
    return found
