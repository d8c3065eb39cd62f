"""A row of the matrix: how one operation of the API is aimed at somebody's things, and what it takes to be let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from tests.tenancy.world import PEPPER, Target

from fairlead.api.slices import List
from fairlead.domain.permissions import Permission
from fairlead.queries.cursors import seal
from fairlead.queries.page import Position

Given: TypeAlias = Callable[[Target], Mapping[str, Any]]

# What stands for an id in a path, where a row says nothing else.
USUAL: Final = {
    "organizationId": "organization_id",
    "queueId": "queue_id",
    "itemId": "held_id",
    "scheduleId": "schedule_id",
    "userId": "member_id",
    "roleId": "role_id",
    "apiKeyId": "api_key_id",
    "eventId": "event_id",
    "invitationId": "invitation_id",
}


def nothing(_at: Target) -> Mapping[str, Any]:
    """Give nothing."""
    return {}


@dataclass(frozen=True)
class Way:
    """One way of aiming: what is told in the body (None: there is none), the query and the headers, of whose things."""

    body: Given | None = None
    query: Given = nothing
    headers: Given = nothing


@dataclass(frozen=True)
class Row:
    """An operation: the permission it needs (None: it is not one of an organization), and every way to aim it.

    `path` names the target's field for an id of the path that is not the usual one. `spares_own`: the reason why it is
    only asked where it names something of another's: it would end the attackers' own organization. `hint`: why the
    victim answers otherwise than somebody who does not exist.
    """

    permission: Permission | None
    ways: tuple[Way, ...] = (Way(),)
    path: Mapping[str, str] = field(default_factory=dict)
    spares_own: str = ""
    hint: str = ""


def cursor_of(at: Target, name: str) -> str:
    """Return a cursor that is good for a list of somebody's own."""
    listed = List(PEPPER, at.organization_id, name, {})
    return seal(Position(datetime(2026, 1, 1, tzinfo=UTC), at.event_id), secret=PEPPER, of=listed.text)


def body(given: Given, **more: Given) -> tuple[Way, ...]:
    """Return the ways of an operation whose body is made by `given`."""
    return (Way(given, **more),)
