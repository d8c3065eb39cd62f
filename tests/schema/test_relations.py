from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import (
    Mapper,
    RelationshipDirection,
    RelationshipProperty,
    configure_mappers,
    make_transient_to_detached,
)

from fairlead.schema import Base, metadata

# The relations there are; a side that holds a foreign key has one for it, the other side where it is asked for.
RELATIONS = {
    "api_keys": {"user", "organization", "predecessor"},
    "audit_events": {"organization"},
    "buckets": set(),
    "credentials": {"user"},
    "idempotency_keys": {"organization"},
    "invitations": {"organization", "role", "inviter"},
    "depth_turns": {"organization"},
    "duties": set(),
    "item_counters": set(),
    "kept_mails": set(),
    "ordering_turns": set(),
    "organizations": {"users", "queues", "roles", "api_keys"},
    "personal_idempotency_keys": {"user"},
    "queue_items": {"queue"},
    "queues": {"organization", "creator", "items"},
    "roles": {"organization", "users"},
    "schedules": {"organization", "queue"},
    "second_factors": {"user"},
    "sessions": {"user"},
    "slots": {"organization"},
    "unique_periods": {"queue"},
    "user_roles": {"organization", "user", "role"},
    "users": {"organization", "api_keys", "roles"},
    "verifications": {"user"},
    "workers": set(),
}
# Relations that stand on no foreign key, and why that is right.
WITHOUT_KEY = {
    "audit_events.organization": "the trail outlives its organization",
    "invitations.inviter": "an offer outlives whoever made it, and is void without them",
    "queue_items.queue": "the key is the live leaf's",
}

MAPPERS: dict[str, Mapper[Any]] = {mapper.class_.__tablename__: mapper for mapper in Base.registry.mappers}
KEYS = [
    pytest.param(constraint, id=f"{table.name} {', '.join(constraint.column_keys)}")
    for table in metadata.tables.values()
    for constraint in sorted(table.foreign_key_constraints, key=lambda key: list(key.column_keys))
]


def _relations(table: str) -> dict[str, RelationshipProperty[Any]]:
    configure_mappers()
    return dict(MAPPERS[table].relationships.items())


def _named() -> list[Any]:
    return [pytest.param(table, name, id=f"{table}.{name}") for table in RELATIONS for name in sorted(RELATIONS[table])]


def _pairs(constraint: ForeignKeyConstraint) -> set[tuple[str, str]]:
    return {(str(element.parent), str(element.column)) for element in constraint.elements}


def test_the_mappers_configure_without_a_warning() -> None:
    """A fresh process that imports the schema can use every relation, and SQLAlchemy has nothing to say of any."""
    code = "import fairlead.schema, sqlalchemy.orm; sqlalchemy.orm.configure_mappers()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_relation_is_listed() -> None:
    """The relations there are, are those listed here, table by table."""
    assert {table: set(_relations(table)) for table in MAPPERS} == RELATIONS


@pytest.mark.parametrize(("table", "name"), _named())
def test_a_relation_never_loads_or_writes_by_itself(table: str, name: str) -> None:
    """Using a relation of a row raises instead of sending a statement, and assigning to it would write nothing."""
    relation = _relations(table)[name]
    assert relation.viewonly
    row = MAPPERS[table].class_(**{column.name: "1" for column in MAPPERS[table].primary_key})
    make_transient_to_detached(row)
    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        getattr(row, name)


@pytest.mark.parametrize("constraint", KEYS)
def test_a_foreign_key_has_its_relation(constraint: ForeignKeyConstraint) -> None:
    """The side that holds a foreign key has exactly one relation along it, with all its columns, to one row."""
    along = [
        relation
        for relation in _relations(constraint.table.name).values()
        if {(str(local), str(remote)) for local, remote in relation.local_remote_pairs} == _pairs(constraint)
    ]
    assert [relation.direction for relation in along] == [RelationshipDirection.MANYTOONE]


def test_a_relation_to_one_follows_a_foreign_key() -> None:
    """What a row leads to by itself is what a foreign key of its table says, or it is listed above with the reason."""
    known = [_pairs(constraint) for table in metadata.tables.values() for constraint in table.foreign_key_constraints]
    keyless = {
        f"{table}.{name}"
        for table in MAPPERS
        for name, relation in _relations(table).items()
        if relation.direction is RelationshipDirection.MANYTOONE
        and {(str(local), str(remote)) for local, remote in relation.local_remote_pairs} not in known
    }
    assert keyless == set(WITHOUT_KEY)


@pytest.mark.parametrize(("table", "name"), _named())
def test_a_relation_says_how_many_it_leads_to(table: str, name: str) -> None:
    """A relation to one row is annotated as one, optional where its column may be null; one to many as a list."""
    relation = _relations(table)[name]
    hint = str(MAPPERS[table].class_.__annotations__[name])
    many = relation.direction is not RelationshipDirection.MANYTOONE
    nullable = not many and any(local.nullable for local, _ in relation.local_remote_pairs)
    expected = f"list[{relation.mapper.class_.__name__}]" if many else relation.mapper.class_.__name__
    assert hint == f"Mapped[{expected}{' | None' if nullable else ''}]"
