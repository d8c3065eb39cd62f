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


# What each one lets somebody do: a sentence for the reference page.
MEANINGS: Final[dict[Permission, str]] = {
    Permission.ITEMS_ENQUEUE: "Put items into queues.",
    Permission.ITEMS_CLAIM: "Take items to work on them, and report how that went.",
    Permission.ITEMS_READ: "Look at items, their payloads and their results.",
    Permission.ITEMS_MANAGE: "Change and remove items, whoever put them in.",
    Permission.QUEUES_READ: "Look at queues, the rules their items are worked under, and schedules.",
    Permission.QUEUES_MANAGE: "Make, change, delete and restore queues and schedules.",
    Permission.MEMBERS_READ: "Look at members and roles.",
    Permission.MEMBERS_MANAGE: "Make and remove members and roles, say who has which, and what people are called.",
    Permission.KEYS_MANAGE: "Make, change and revoke API keys.",
    Permission.ORGANIZATION_READ: "Look at the organization and its limits.",
    Permission.ORGANIZATION_MANAGE: "Change the organization or delete it, and decide who its owners are.",
    Permission.AUDIT_READ: "Look at the audit trail: who changed what, and when.",
}

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
