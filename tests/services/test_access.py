from __future__ import annotations

import pytest
from tests.fixtures.items import enqueue_some
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import Permission
from fairlead.errors import Forbidden, NotFound
from fairlead.services.access import Principal, require, require_item

ORGANIZATION, QUEUE = new_id(), new_id()


def principal(*scopes: str, queue_ids: frozenset[str] | None = None, organization_id: str = ORGANIZATION) -> Principal:
    """A program with some scopes."""
    return Principal(organization_id, new_id(), frozenset(scopes), api_key_id=new_id(), queue_ids=queue_ids)


@pytest.mark.parametrize("permission", Permission)
def test_permission_opens_exactly_itself(permission: Permission) -> None:
    """A scope gives the scope of its own organization for its own permission, and every other is named as missing."""
    assert require(principal(permission.value), permission).organization_id == ORGANIZATION
    others = [other.value for other in Permission if other is not permission]
    with pytest.raises(Forbidden, match=permission.value):
        require(principal(*others), permission)


def test_queues_outside_the_key_do_not_exist() -> None:
    """A key for certain queues finds no other; a key for all finds every well-formed id."""
    scope, permission = Permission.ITEMS_READ.value, Permission.ITEMS_READ
    bound = principal(scope, queue_ids=frozenset({QUEUE}))

    assert require(bound, permission, queue_id=QUEUE) == tenant(ORGANIZATION)
    assert require(principal(scope), permission, queue_id=QUEUE) == tenant(ORGANIZATION)
    for holder, queue_id in ((bound, new_id()), (bound, "short"), (principal(scope), "short")):
        with pytest.raises(NotFound):
            require(holder, permission, queue_id=queue_id)


@pytest.mark.anyio
async def test_items_outside_the_key_do_not_exist(database: Database, ours: Tenant) -> None:
    """A key for certain queues finds the items of those only."""
    [item_id] = await enqueue_some(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        for queue_ids, allowed in ((None, True), ({ours.queue_id}, True), ({QUEUE}, False), (set(), False)):
            holder = principal(queue_ids=None if queue_ids is None else frozenset(queue_ids))
            try:
                await require_item(session, ours.scope, principal=holder, item_id=item_id)
            except NotFound:
                assert not allowed
            else:
                assert allowed
