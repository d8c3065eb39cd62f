"""Users: making people known, changing and removing them.

A user is at home in the organization of the scope; in a SystemScope a user has no home yet, and whoever is meant is
meant in every organization. An address is kept in one canonical form and is unique among users that are not deleted;
one that somebody of another organization has is refused with the same words as any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict, Unpack

from fairlead.db.rows import (
    delete_row,
    insert_row,
    lock_row,
    restore_row,
    soft_delete_row,
    update_row,
)
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope
from fairlead.db.upsert import upsert_rows
from fairlead.domain.ids import new_id
from fairlead.domain.limits import BATCH_ITEMS, URL_CHARACTERS
from fairlead.domain.names import canonical_email, email_problem
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import Conflict, NotFound, ValidationFailed
from fairlead.queries.api_keys import keys_of
from fairlead.queries.roles import get_role
from fairlead.rows import User
from fairlead.schema.users import User as UserTable
from fairlead.services import audit
from fairlead.services.checks import Check, named, problems, refuse, refuse_fields, text_problem
from fairlead.services.members import grant_role, grant_role_to_all, keeping_an_owner, refuse_mightier
from fairlead.services.offers import end_offers
from fairlead.services.sessions import end_sessions
from fairlead.services.versions import refuse_other_version


class UserInput(TypedDict):
    """A user as somebody wants one to be; `image` is an address of a picture."""

    email: str
    name: str
    image: NotRequired[str | None]


class UserChanges(TypedDict, total=False):
    """The fields of a user that can be changed; what is not given stays."""

    email: str
    name: str
    image: str | None


def _image_problem(value: Any) -> str | None:
    if value is None:
        return None
    if problem := text_problem(value, most=URL_CHARACTERS):
        return problem
    return None if _PICTURE.fullmatch(value) else "must be an address that begins with https:// or http://"


def _email_problem(value: Any) -> str | None:
    return email_problem(value) if isinstance(value, str) else "must be text"


_CHECKS: Final[dict[str, Check]] = {"email": _email_problem, "name": named, "image": _image_problem}

_PICTURE: Final = re.compile(r"https?://[^\s]+")
_NOTHING: Final = {"email": None, "name": None}  # what has to be given, and is refused when it is not


async def create_user(
    session: Session,
    scope: Scope,
    *,
    email: str,
    name: str,
    image: str | None = None,
    role: str = "member",
    actor: audit.Actor = audit.OPERATOR,
) -> User:
    """Make a user, at home in the scope's organization and a member of it in a role, named by its id.

    In a SystemScope the user has neither a home nor a role. Raises ValidationFailed, also for an unknown role, Conflict
    when the address is taken, and Forbidden for a role that may do more than the actor.
    """
    values = _canonical({"email": email, "name": name, "image": image})
    refuse({**problems(values, checks=_CHECKS), "role": await _role_problem(session, scope, role)})
    async with session.savepoint():
        made = await insert_row(session, scope, UserTable, values={"id": new_id(), **values}, model=User)
        await audit.record_change(session, scope, actor=actor, action="user.created", kind="user", after=made)
        if isinstance(scope, TenantScope):
            await grant_role(session, scope, user_id=made.id, role_id=role, actor=actor)
    return made


async def update_user(
    session: Session,
    scope: Scope,
    *,
    user_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[UserChanges],
) -> User:
    """Change the fields given, and only those; a new address has to be verified again.

    Raises ValidationFailed, NotFound, Conflict when the address is taken, Forbidden for the address of somebody who may
    do more than the actor (whoever has the address can become its user), and PreconditionFailed for another version
    than the `expected`.
    """
    values = _checked(changes)
    there = await lock_row(session, scope, UserTable, key={"id": user_id}, model=User)
    refuse_other_version(there, expected=expected)
    if values.get("email", there.email) != there.email:
        await refuse_mightier(session, scope, user_id=user_id, actor=actor)
        values["email_verified"] = False
    before, after = await update_row(session, scope, UserTable, key={"id": user_id}, values=values, model=User)
    await audit.record_change(
        session, scope, actor=actor, action="user.updated", kind="user", before=before, after=after
    )
    return after


async def delete_user(session: Session, scope: Scope, *, user_id: str, actor: audit.Actor = audit.OPERATOR) -> None:
    """Delete a user for good, soft-deleted or not, with the user's API keys, roles and sessions; open invitations end.

    In a SystemScope the trail tells of the keys and invitations of every organization and of the sessions, which no
    tenant can see; in a TenantScope of those that are its own. Raises NotFound, LastOwner, and Forbidden for somebody
    who may do more than the actor.
    """
    async with keeping_an_owner(session, scope, user_id=user_id):
        await refuse_mightier(session, scope, user_id=user_id, actor=actor)
        keys = [("api_key.deleted", key, None) for key in await keys_of(session, scope, user_id=user_id)]
        await end_offers(session, scope, invited_by=user_id, actor=actor)
        if isinstance(scope, SystemScope):
            await end_sessions(session, scope, user_id=user_id, actor=actor)
        gone = await delete_row(session, scope, UserTable, key={"id": user_id}, model=User, deleted=True)
    events = [*audit.changes("api_key", keys), *audit.changes("user", [("user.deleted", gone, None)])]
    await audit.record(session, scope, actor=actor, events=events)


async def soft_delete_user(
    session: Session, scope: Scope, *, user_id: str, actor: audit.Actor = audit.OPERATOR
) -> User:
    """Let a user be as good as gone until restored: the API keys stop, the address is free again.

    Raises as `delete_user` does.
    """
    async with keeping_an_owner(session, scope, user_id=user_id):
        await refuse_mightier(session, scope, user_id=user_id, actor=actor)
        before, after = await soft_delete_row(session, scope, UserTable, key={"id": user_id}, model=User)
    await audit.record_change(
        session, scope, actor=actor, action="user.soft_deleted", kind="user", before=before, after=after
    )
    return after


async def restore_user(session: Session, scope: Scope, *, user_id: str, actor: audit.Actor = audit.OPERATOR) -> User:
    """Bring a soft-deleted user back, with roles and keys; a user who is there stays as is.

    Raises NotFound, Conflict when somebody else has the address now, and Forbidden as `delete_user` does.
    """
    await refuse_mightier(session, scope, user_id=user_id, actor=actor)
    before, after = await restore_row(session, scope, UserTable, key={"id": user_id}, model=User)
    await audit.record_change(
        session, scope, actor=actor, action="user.restored", kind="user", before=before, after=after
    )
    return after


async def upsert_user(
    session: Session, scope: TenantScope, *, actor: audit.Actor = audit.OPERATOR, **user: Unpack[UserInput]
) -> User:
    """Make a user with that address, or change the one there in what else is given. Raises as `upsert_users` does."""
    row = _checked({**_NOTHING, **user})
    async with session.savepoint():
        [done] = await _upsert(session, scope, actor, {"email": row})
    return done


async def upsert_users(
    session: Session, scope: TenantScope, *, users: Sequence[UserInput], actor: audit.Actor = audit.OPERATOR
) -> list[User]:
    """Make or change 1 to 1,000 users by their addresses, all or none; return them in the order given.

    What is not given of a user who is there stays.

    A new one becomes a member. Raises ValidationFailed naming every wrong field, also for an address given twice,
    Conflict when one is somebody's of another organization, and Forbidden when a member may do more than the actor.
    """
    rows = _checked_all(users)
    async with session.savepoint():
        return await _upsert(session, scope, actor, {f"users[{index}].email": row for index, row in enumerate(rows)})


async def _upsert(
    session: Session, scope: TenantScope, actor: audit.Actor, rows: Mapping[str, Mapping[str, Any]]
) -> list[User]:
    """Make or change users; `rows` are by what their addresses are called in an error."""
    done = await upsert_rows(session, scope, UserTable, rows=list(rows.values()), by="email", model=User)
    if taken := [field for field, row in rows.items() if row["email"] not in done]:
        raise Conflict(details=dict.fromkeys(taken, "is taken"))
    told = [("user.updated" if before else "user.created", before, after) for before, after in done.values()]
    await audit.record(session, scope, actor=actor, events=audit.changes("user", told))
    made = [after.id for before, after in done.values() if before is None]
    if made:
        await grant_role_to_all(session, scope, user_ids=made, role_id="member", actor=actor)
    return [done[row["email"]].after for row in rows.values()]


async def _role_problem(session: Session, scope: Scope, role: str) -> str | None:
    if isinstance(scope, TenantScope):
        try:
            await get_role(session, scope, role_id=role)
        except NotFound:
            return f"must be one of {', '.join(SYSTEM_ROLES)}, or the id of a role of this organization"
    return None


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    values = _canonical(given)
    refuse_fields(values, checks=_CHECKS)
    return values


def _canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    email = given.get("email")
    return {**given, "email": canonical_email(email)} if isinstance(email, str) else dict(given)


def _checked_all(users: Sequence[UserInput]) -> list[dict[str, Any]]:
    if not 1 <= len(users) <= BATCH_ITEMS:
        raise ValidationFailed(details={"users": f"must be 1 to {BATCH_ITEMS:,} users"})
    rows: list[dict[str, Any]] = []
    wrong: dict[str, str | None] = {}
    seen: set[str] = set()
    for index, user in enumerate(users):
        try:
            rows.append(_checked({**_NOTHING, **user}))
        except ValidationFailed as error:
            wrong |= {f"users[{index}].{field}": sentence for field, sentence in error.details.items()}
            continue
        if rows[-1]["email"] in seen:
            wrong[f"users[{index}].email"] = "is given twice"
        seen.add(rows[-1]["email"])
    refuse(wrong)
    return rows
