"""What a role may do, as one table, and the scopes that an API key may carry.

A scope is a permission given to a key; a key never holds one that its maker's role lacks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that somebody may do in an organization."""

    ITEMS_ENQUEUE = "items:enqueue"
    ITEMS_CLAIM = "items:claim"
    ITEMS_READ = "items:read"
    ITEMS_MANAGE = "items:manage"
    QUEUES_READ = "queues:read"
    QUEUES_MANAGE = "queues:manage"
    MEMBERS_READ = "members:read"
    MEMBERS_MANAGE = "members:manage"
    KEYS_MANAGE = "keys:manage"
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_MANAGE = "organization:manage"
    AUDIT_READ = "audit:read"


_READ = frozenset(
    {
        Permission.ITEMS_READ,
        Permission.QUEUES_READ,
        Permission.MEMBERS_READ,
        Permission.ORGANIZATION_READ,
    }
)
_WORK = _READ | {Permission.ITEMS_ENQUEUE, Permission.ITEMS_CLAIM, Permission.ITEMS_MANAGE}
_ADMINISTER = _WORK | {
    Permission.QUEUES_MANAGE,
    Permission.MEMBERS_MANAGE,
    Permission.KEYS_MANAGE,
    Permission.AUDIT_READ,
}

SYSTEM_ROLES: Final[dict[str, frozenset[Permission]]] = {
    "owner": frozenset(Permission),
    "admin": _ADMINISTER,
    "member": _WORK,
    "viewer": _READ,
}

# A key cannot make keys, whoever made it.
KEY_SCOPES: Final = frozenset(Permission) - {Permission.KEYS_MANAGE}
