from __future__ import annotations

import re

import pytest

from fairlead.domain.permissions import KEY_SCOPES, MEANINGS, SYSTEM_ROLES, Permission


def test_each_role_may_what_the_lesser_may() -> None:
    """A viewer's permissions are a member's too, a member's an admin's, an admin's an owner's, each with more."""
    viewer, member, admin, owner = (SYSTEM_ROLES[name] for name in ("viewer", "member", "admin", "owner"))
    assert viewer < member < admin < owner


def test_there_are_four_roles() -> None:
    """The system roles are the four the schema knows by fixed ids."""
    assert set(SYSTEM_ROLES) == {"owner", "admin", "member", "viewer"}


def test_an_owner_may_everything() -> None:
    """There is no permission that an owner lacks."""
    assert SYSTEM_ROLES["owner"] == frozenset(Permission)


def test_a_viewer_changes_nothing() -> None:
    """What a viewer may do is read, and nothing about credentials or the audit."""
    assert {permission.rpartition(":")[2] for permission in SYSTEM_ROLES["viewer"]} == {"read"}
    assert Permission.AUDIT_READ not in SYSTEM_ROLES["viewer"]


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_only_admins_and_owners_manage_people_and_keys(role: str) -> None:
    """Nobody below an admin manages members, keys, queues or the organization."""
    managing = {permission for permission in SYSTEM_ROLES[role] if permission.endswith(":manage")}
    assert managing <= {Permission.ITEMS_MANAGE}


def test_only_an_owner_manages_the_organization() -> None:
    """The organization itself is changed, or given away, by its owners only."""
    may = {name for name, permissions in SYSTEM_ROLES.items() if Permission.ORGANIZATION_MANAGE in permissions}
    assert may == {"owner"}


def test_a_key_makes_no_keys() -> None:
    """No key can carry the permission to make keys, whoever made it; every other it can."""
    assert frozenset(Permission) - KEY_SCOPES == {Permission.KEYS_MANAGE}


@pytest.mark.parametrize("permission", Permission)
def test_a_permission_reads_as_thing_and_deed(permission: Permission) -> None:
    """Each permission is written as a thing, a colon and what may be done to it."""
    assert re.fullmatch(r"[a-z]+:[a-z]+", permission)


@pytest.mark.parametrize("permission", Permission)
def test_a_permission_has_a_meaning(permission: Permission) -> None:
    """Each permission is explained by one sentence of its own."""
    meaning = MEANINGS[permission]
    assert re.fullmatch(r"[A-Z][^.]+\.", meaning)
    assert list(MEANINGS.values()).count(meaning) == 1
