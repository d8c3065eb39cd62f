"""Pull: the models of a database that has none, as a Python module.

sqlacodegen writes what SQLAlchemy has words for. Those models are then made in a throw-away database and compared with
the one they came from: everything that is missing or different (row security, policies, functions, triggers, views,
grants, …) is written as DDL that runs before the tables are made or after, in PostgreSQL's own text. Made again from
the module, the schema is the same; what no DDL brings about is named.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final

from sqlalchemy import Connection, MetaData

from fairlead.errors import OperatorError, TargetInvalid
from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing, read_catalogue
from fairlead.toolkit.change import Action, Change, changes, telling
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.environment import connected
from fairlead.toolkit.operations import statements
from fairlead.toolkit.plugin.planning import planned
from fairlead.toolkit.plugin.sequences import freed, is_serial
from fairlead.toolkit.plugin.statements import steps
from fairlead.toolkit.reflection import NAMED, generated
from fairlead.toolkit.target import Target, noted
from fairlead.toolkit.unforeseen import told_as

_BEFORE_TABLES: Final = (Kind.SCHEMA, Kind.EXTENSION, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN, Kind.FUNCTION)
_CALLING: Final = (Kind.DOMAIN, Kind.COLUMN, Kind.CONSTRAINT, Kind.INDEX)
_modules = count()


@dataclass(frozen=True, slots=True)
class Pulled:
    """The module's source, and what of the database it does not make, a sentence each."""

    source: str
    gaps: tuple[str, ...]


def place_of(directory: Path, *, schemas: tuple[str, ...] = (), version_table: str | None = None) -> Target:
    """Return what `pull` reads: these schemas without the notes of migrations; left out: as `pyproject.toml` says."""
    said = noted(directory)
    usual = said.get("schemas", ())
    return Target(
        "the database",
        MetaData(),
        Path(),
        version_table or said.get("version_table", "alembic_version"),
        said.get("version_schema"),
        schemas or ((usual,) if isinstance(usual, str) else tuple(usual)),
    )


@told_as(OperatorError, "The models of the database cannot be written: {}.")
def pull(url: str, server_url: str, place: Target) -> Pulled:
    """Return the models of the database; `place` says the schemas and the version table, which is left out.

    What comes in one round may show what the next has to bring; a thing is tried once.
    Raises TargetInvalid when a schema is not there, OperatorError without the extra `toolkit` or for models that cannot
    be made.
    """
    tried, named = set[tuple[Key, Action]](), set[Key]()
    with connected(url) as connection:
        found, administered = _of_no_superuser(read_catalogue(connection, place), connection)
        _insist_there(place, found)
        models, before = generated(connection, place, found), list(_before(found))
        after = list(_descending(found))
        while True:
            source = _source(models, before=before, after=after)
            declared = declared_catalogue(replace(place, metadata=_metadata(source)), server_url)
            left = changes(declared, found)
            if mistaken := {one.key for one in left if one.kind is Kind.COLUMN and "type" in one.facts} - named:
                named |= mistaken
                models = generated(connection, place, found, named=named)
                continue
            new = [change for change in left if (change.key, change.action) not in tried]
            if not new:
                return Pulled(source, (*administered, *(_gap(change) for change in telling(left))))
            tried.update((change.key, change.action) for change in new)
            after = sorted([*after, *_statements(new, declared, found)], key=_changes_hands)


def _of_no_superuser(found: Catalogue, connection: Connection) -> tuple[Catalogue, tuple[str, ...]]:
    """Return it without owners that are superusers, to whom no application's login hands anything, and name those."""
    with connection.begin():
        superusers = set(connection.exec_driver_sql("select rolname from pg_roles where rolsuper").scalars())
    theirs = {key: thing for key, thing in found.items() if thing.facts.get("owner") in superusers}
    bare = {
        key: replace(thing, facts={fact: value for fact, value in thing.facts.items() if fact != "owner"})
        for key, thing in theirs.items()
    }
    gaps = (f"The owner of {thing.title} is {thing.facts['owner']}, a superuser." for thing in theirs.values())
    return {**found, **bare}, tuple(gaps)


def _insist_there(place: Target, found: Catalogue) -> None:
    missing = [schema for schema in place.schemas if Key(Kind.SCHEMA, schema, "", schema) not in found]
    if missing:
        raise TargetInvalid(f"The database has no schema {', '.join(missing)}: mend --schema, or `schemas`.")


def _before(found: Catalogue) -> Iterator[str]:
    """Yield what tables are made of and SQLAlchemy does not make: of the functions those that a table calls."""
    calls = str([thing.facts for kind in _CALLING for thing in _of_kind(found, kind)])
    for kind in _BEFORE_TABLES:
        for thing in _of_kind(found, kind):
            called = kind is not Kind.FUNCTION or f"{thing.name.partition('(')[0]}(" in calls
            if called and not (kind is Kind.SCHEMA and thing.name == "public"):
                yield from steps(None, thing)
    for thing in _of_kind(found, Kind.SEQUENCE):
        if not is_serial(thing, found.values()):
            yield from steps(None, freed(thing))


def _descending(found: Catalogue) -> Iterator[str]:
    """Yield what makes tables children of others, first of all: so their parents' checks are not theirs alone."""
    for thing in _of_kind(found, Kind.TABLE):
        for parent in thing.facts.get("inherits", []):
            yield f"alter table {thing.relation} inherit {parent}"


def _of_kind(found: Catalogue, kind: Kind) -> list[Thing]:
    return [thing for key, thing in found.items() if key.kind is kind]


def _statements(new: list[Change], declared: Catalogue, found: Catalogue) -> Iterator[str]:
    for operation in planned([], new, found=declared, declared=found):
        yield from statements(operation, MetaData())


def _gap(change: Change) -> str:
    """Say what the models do not make; the sides are turned, since the models were brought to the database."""
    turned = replace(change, found=change.declared, declared=change.found)
    return f"{turned.sentence('the database')}."


def _changes_hands(statement: str) -> bool:
    """Tell what has to come last: a new owner must have been granted the schema."""
    return " owner to " in statement.partition("\n")[0]


def _source(models: str, *, before: Iterable[str], after: Iterable[str]) -> str:
    """Return the module: the models, then the DDL around them."""
    has_base = "class Base(" in models
    parts = [
        '"""The models of a database, as `fairlead db pull` found them."""',
        "from sqlalchemy import DDL, event",
        *([_NAMED_IMPORTS, NAMED] if "Named(" in models else []),
        models.strip(),
        _DDL.format(
            metadata="metadata = Base.metadata\n\n" if has_base else "",
            before=_listed(before),
            after=_listed(after),
        ).strip(),
    ]
    return "\n\n".join(parts) + "\n"


_NAMED_IMPORTS: Final = "from typing import Any\n\nfrom sqlalchemy.types import UserDefinedType"
_DDL: Final = """
{metadata}# What SQLAlchemy has no word for, in the order in which it is made.
BEFORE_TABLES = [{before}]
AFTER_TABLES = [{after}]

for statement in reversed(BEFORE_TABLES):  # each comes before all that listens already
    event.listen(metadata, "before_create", DDL(statement.replace("%", "%%")), insert=True)
for statement in AFTER_TABLES:
    event.listen(metadata, "after_create", DDL(statement.replace("%", "%%")))
"""


def _listed(statements: Iterable[str]) -> str:
    written = [f"    {_literal(statement)},\n" for statement in statements]
    return "\n" + "".join(written) if written else ""


def _literal(statement: str) -> str:
    if "\n" in statement and '"""' not in statement and "\\" not in statement:
        return f'"""{statement}"""' if not statement.endswith('"') else repr(statement)
    return repr(statement)


def _metadata(source: str) -> MetaData:
    """Return the metadata that the module makes."""
    module = _imported(source)
    metadata = module.metadata
    if not isinstance(metadata, MetaData):
        raise OperatorError("The models that were generated have no metadata; this is a fault of the tool.")
    return metadata


def _imported(source: str) -> ModuleType:
    name = f"fairlead_pulled_{next(_modules)}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise OperatorError("The models that were generated cannot be imported; this is a fault of the tool.")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module
