"""What studio knows of Fairlead's own schema beyond what every metadata says: relations, tenants, what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import MetaData
from sqlalchemy.orm import RelationshipDirection

from fairlead.schema import Base, metadata
from fairlead.schema.row_security import READER_ROLE
from fairlead.studio.shape import Reference

__all__ = ["KEPT", "READER_ROLE", "Knowledge", "knowledge_of"]

_ENGINE: Final = (
    "The engine's statements keep this beside the items they move (limits, counters, order); a change by hand would "
    "break what they promise. Use the verbs of the API or the library: cancel, retry, pause."
)
_ANSWERS: Final = "The first answers to requests, sealed; what is deleted here can be made twice."
_FLEET: Final = "The workers and maintenance keep this for themselves, and write it again within seconds."

KEPT: Final[Mapping[str, str]] = {
    "queue_items": _ENGINE,
    "item_counters": _ENGINE,
    "slots": _ENGINE,
    "depth_turns": _ENGINE,
    "ordering_turns": _ENGINE,
    "unique_periods": _ENGINE,
    "duties": _FLEET,
    "workers": _FLEET,
    "idempotency_keys": _ANSWERS,
    "personal_idempotency_keys": _ANSWERS,
    "audit_events": "The audit trail can only be added to.",
}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a metadata beyond itself; of an application's, nothing."""

    references: tuple[Reference, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    tenant_columns: Mapping[str, str] = field(default_factory=dict)
    draws_keys: bool = False
    tenants: bool = False


def knowledge_of(target: MetaData) -> Knowledge:
    """Return what is known of Fairlead's own metadata, and nothing of another."""
    if target is not metadata:
        return Knowledge()
    columns = {
        mapper.class_.__tablename__: mapper.class_.row_security.column
        for mapper in Base.registry.mappers
        if mapper.class_.row_security.column and not mapper.class_.row_security.shared
    }
    return Knowledge(tuple(_relations()), KEPT, columns, draws_keys=True, tenants=True)


def _relations() -> Iterator[Reference]:
    """Yield the relations that the models declare, with or without a foreign key."""
    for mapper in Base.registry.mappers:
        for relation in mapper.relationships:
            if relation.direction is RelationshipDirection.MANYTOONE:
                pairs = relation.local_remote_pairs or []
                yield Reference(
                    mapper.local_table.name,  # type: ignore[attr-defined]  # a Table, since each model has one
                    tuple(local.name for local, _ in pairs),
                    relation.mapper.local_table.name,  # type: ignore[attr-defined]  # same
                    tuple(remote.name for _, remote in pairs),
                )
