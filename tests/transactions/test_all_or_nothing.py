"""Every use case that changes something, failing at each of its statements in turn: all of it happens, or nothing.

A new use case is one line in the cases beside this file, and one in REFUSED when it can be refused after it has begun
to write.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from contextlib import suppress
from typing import Final

import pytest
from tests.fixtures.failing import everything_in
from tests.fixtures.people import PEPPER, acting
from tests.transactions.account_cases import ACCOUNT_CASES
from tests.transactions.trying import UseCase, insist_on_all_or_nothing
from tests.transactions.work_cases import ITEMS, NEW_KEY, PEOPLE, USE_CASES, World, founded_by, make_world

import fairlead.services
from fairlead.db.session import Database, SessionMisused
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, FairleadError, Forbidden, LastOwner, NotFound, QueueFull, ValidationFailed
from fairlead.services import (
    api_keys,
    items,
    members,
    queues,
    users,
)
from fairlead.services.item_rules import ItemInput

pytestmark = pytest.mark.anyio

# Functions of the services that take a session and are no use case, and why.
NO_USE_CASES: Final = {
    "access.enter": "reads",
    "access.require_item": "reads",
    "accounts.reconcile_slots": "maintenance's, which finds nothing wrong here (tests/engine/test_reconcile.py)",
    "api_keys.authenticate": "reads",
    "api_keys.find_principals": "reads",
    "audit.record": "one statement, part of every use case",
    "audit.record_change": "one statement, part of every use case",
    "chosen_items.cancel_chosen": "one of `cancel_items` and `cancel_matching`",
    "chosen_items.count_to_cancel": "reads",
    "chosen_items.count_to_retry": "reads",
    "chosen_items.retry_chosen": "one of `retry_items` and `retry_matching`",
    "each_item.enqueue_each": "part of the Enqueuer's own transaction (tests/services/test_each_item.py)",
    "idempotency.keep_answer": "one statement, part of the use case that is done once",
    "idempotency.keep_personal_answer": "the same",
    "idempotency.recall_answer": "reads, under a lock that ends with the transaction",
    "idempotency.recall_personal_answer": "the same",
    "invitations.look_at_invitation": "reads",
    "items.count_cancellable": "reads",
    "items.count_retryable": "reads",
    "items.enqueue_plainly": "one statement",
    "key_rules.checked": "reads",
    "members.keeping_an_owner": "part of the use cases that could take an owner away",
    "members.refuse_mightier": "reads",
    "offers.end_offers": "part of the use cases that take a member or a user away",
    "schedules.preview_ticks": "reads",
    "second_factors.is_asked_for": "reads, and locks",
    "verifications.look_at_token": "reads",
}


@pytest.fixture(scope="module")
async def world(database: Database) -> World:
    """The world."""
    return await make_world(database)


def test_every_use_case_is_tried() -> None:
    """A function of the services that takes a session and changes something has a line here."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(fairlead.services.__path__, f"{fairlead.services.__name__}.")
    ]
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and name[0] != "_"
        and "session" in inspect.signature(function).parameters
    }
    assert found == {name.partition(" ")[0] for name in [*USE_CASES, *ACCOUNT_CASES]} | NO_USE_CASES.keys()


@pytest.mark.parametrize("name", USE_CASES)
async def test_a_failure_at_any_statement_leaves_nothing(database: Database, world: World, *, name: str) -> None:
    """Whichever statement fails, and whether or not the failure is ignored, every table is as it was before."""
    await insist_on_all_or_nothing(database, USE_CASES[name], world)


TAKEN: Final[list[users.UserInput]] = [*PEOPLE, {"email": "owner@other.org", "name": "A stranger's"}]

# Calls that are refused after they have begun to write, and as what.
REFUSED: Final[dict[str, tuple[UseCase, type[FairleadError]]]] = {
    "an owner without a name": (
        UseCase(lambda s, o, _: founded_by(s, o, "n", owner_name=""), above=True),
        ValidationFailed,
    ),
    "an owner's address taken": (
        UseCase(lambda s, o, _: founded_by(s, o, "n", owner_email="ada@acme.org"), above=True),
        Conflict,
    ),
    "a queue without a name": (
        UseCase(lambda s, o, _: founded_by(s, o, "n", queue_name=""), above=True),
        ValidationFailed,
    ),
    "a user in too mighty a role": (
        UseCase(
            lambda s, o, _: users.create_user(s, o, email="n@n.org", name="N", role="owner", actor=acting("member"))
        ),
        Forbidden,
    ),
    "a user of a missing organization": (
        UseCase(lambda s, _o, _w: users.create_user(s, tenant(new_id()), email="n@n.org", name="N"), above=True),
        NotFound,
    ),
    "a user's key with too many scopes": (
        UseCase(
            lambda s, o, _: api_keys.create_user_with_api_key(
                s, o, email="n@n.org", name="N", key_name="k", role="viewer", scopes=["items:enqueue"], pepper=PEPPER
            )
        ),
        Forbidden,
    ),
    "a user's key without a name": (
        UseCase(
            lambda s, o, _: api_keys.create_user_with_api_key(s, o, email="n@n.org", name="N", key_name="", **NEW_KEY)
        ),
        ValidationFailed,
    ),
    "a queue's items are none": (
        UseCase(lambda s, o, _: queues.create_queue_with_items(s, o, name="new", items=[])),
        ValidationFailed,
    ),
    "one of a queue's items is wrong": (
        UseCase(lambda s, o, _: queues.create_queue_with_items(s, o, name="new", items=[*ITEMS, ItemInput({"\0": 1})])),
        ValidationFailed,
    ),
    "an item whose key is held": (
        UseCase(
            lambda s, o, w: items.enqueue_items(
                s, o, queue_id=w.queue, items=[*ITEMS, ItemInput({}, unique_key="here")]
            )
        ),
        Conflict,
    ),
    "a retry beyond the depth": (
        UseCase(lambda s, o, w: items.retry_items(s, o, item_ids=w.failed_where_full)),
        QueueFull,
    ),
    "an upsert of a stranger": (UseCase(lambda s, o, _: users.upsert_users(s, o, users=TAKEN)), Conflict),
    "an upsert that makes mightier members": (
        UseCase(lambda s, o, _: users.upsert_users(s, o, users=PEOPLE, actor=acting("viewer"))),
        Forbidden,
    ),
    "the last owner deleted": (UseCase(lambda s, o, w: users.delete_user(s, o, user_id=w.owner)), LastOwner),
    "the last owner soft-deleted": (UseCase(lambda s, o, w: users.soft_delete_user(s, o, user_id=w.owner)), LastOwner),
    "the last owner removed": (UseCase(lambda s, o, w: members.remove_member(s, o, user_id=w.owner)), LastOwner),
    "the last owner demoted": (
        UseCase(lambda s, o, w: members.set_roles(s, o, user_id=w.owner, role_ids=["admin", "member"])),
        LastOwner,
    ),
    "roles of which one is too mighty": (
        UseCase(
            lambda s, o, w: members.set_roles(
                s, o, user_id=w.member, role_ids=["admin", "viewer"], actor=acting("member")
            )
        ),
        Forbidden,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_that_is_ignored_leaves_nothing(database: Database, world: World, *, name: str) -> None:
    """Who catches a typed refusal inside the transaction and goes on commits nothing of what was refused."""
    use_case, error = REFUSED[name]
    scope = use_case.scope(world)
    before = await everything_in(database)

    with suppress(SessionMisused):
        async with database.unit_of_work(scope) as session:
            with pytest.raises(error):
                await use_case.call(session, scope, world)

    assert await everything_in(database) == before
