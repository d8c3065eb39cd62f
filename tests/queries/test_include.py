from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.related import add, add_crowd, add_key, add_user, at
from tests.fixtures.sent import sent_by

from fairlead.db.session import Database
from fairlead.domain.ids import new_id, new_ids
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries import relations
from fairlead.queries.include import Many, NotIncluded, One, Order, ToMany, ToOne, With
from fairlead.queries.relations import UserInclude, UserWith, get_user_with, get_users_with
from fairlead.schema import ApiKey

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Noun:
    """How the rows of one noun are read with their relations."""

    read: Callable[..., Awaitable[list[Any]]]
    ids: str
    include: Any
    made: type[With]

    @property
    def names(self) -> list[str]:
        """The relations there are."""
        return [field.name for field in fields(self.include)]

    @property
    def everything(self) -> Any:
        """Asks for every relation."""
        return self.include(**dict.fromkeys(self.names, True))


NOUNS = {
    "users": Noun(relations.get_users_with, "user_ids", relations.UserInclude, relations.UserWith),
    "organizations": Noun(
        relations.get_organizations_with, "organization_ids", relations.OrganizationInclude, relations.OrganizationWith
    ),
    "queues": Noun(relations.get_queues_with, "queue_ids", relations.QueueInclude, relations.QueueWith),
    "api_keys": Noun(relations.get_api_keys_with, "api_key_ids", relations.ApiKeyInclude, relations.ApiKeyWith),
    "roles": Noun(relations.get_roles_with, "role_ids", relations.RoleInclude, relations.RoleWith),
}


@pytest.mark.parametrize("name", NOUNS)
async def test_a_read_costs_a_statement_and_one_a_relation(database: Database, name: str) -> None:
    """One row or a hundred, with everything they are related to: one statement, and one more for each relation."""
    noun, ids = NOUNS[name], getattr(await add_crowd(database, 100), name)
    for count in (1, 10, 100):
        async with database.unit_of_work(FLEET) as session:
            with sent_by(session) as sent:
                found = await noun.read(session, FLEET, **{noun.ids: ids[:count]}, include=noun.everything)
        assert len(found) == count
        assert all(getattr(row, relation) for row in found for relation in noun.names), "each must lead to something"
        assert len(sent) == 1 + len(noun.names)


async def test_what_is_not_asked_for_costs_nothing(database: Database, ours: Tenant) -> None:
    """Without relations a read is one statement; for no row, or one that cannot be, it asks for nothing further."""
    user_id = await add_user(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        with sent_by(session) as sent:
            await get_users_with(session, ours.scope, user_ids=[user_id], include=UserInclude())
            assert len(sent) == 1
            everything = UserInclude(organization=True, api_keys=True, roles=True)
            assert await get_users_with(session, ours.scope, user_ids=[], include=everything) == []
            assert await get_users_with(session, ours.scope, user_ids=["\0", "\ud800"], include=everything) == []
            assert len(sent) == 1
            assert await get_users_with(session, ours.scope, user_ids=[new_id()], include=everything) == []
            assert len(sent) == 2


@pytest.mark.parametrize(("noun", "name"), [(noun, name) for noun in NOUNS for name in NOUNS[noun].names])
async def test_what_was_not_asked_for_is_an_error(database: Database, noun: str, name: str) -> None:
    """A relation that the read was not asked for is neither empty nor None: using it raises, and says which it was."""
    kind, crowd = NOUNS[noun], await add_crowd(database, 1)
    others = kind.include(**{other: other != name for other in kind.names})
    async with database.unit_of_work(FLEET) as session:
        [found] = await kind.read(session, FLEET, **{kind.ids: getattr(crowd, noun)}, include=others)
    with pytest.raises(NotIncluded, match=f"'{name}' was not asked for"):
        getattr(found, name)
    assert all(getattr(found, other) for other in kind.names if other != name)


@pytest.mark.parametrize("noun", NOUNS.values(), ids=NOUNS)
def test_what_can_be_asked_for_can_be_had(noun: Noun) -> None:
    """The fields of an include are the relations of what comes back: to one row or to many, as their types say."""
    there = {name: value for name, value in vars(noun.made).items() if isinstance(value, ToOne | ToMany)}
    asked = {field.name: str(field.type) for field in fields(noun.include)}
    kinds = {name: f"{'One' if isinstance(there[name], ToOne) else 'Many'} | bool" for name in there}
    assert asked == kinds


async def test_rows_come_in_the_order_asked(database: Database, ours: Tenant) -> None:
    """A list of ids gives its rows in its order, each once, and leaves out what is not there."""
    first, second, third = [await add_user(database, ours) for _ in range(3)]
    asked = [third, new_id(), first, "\0", third, "", second]
    async with database.unit_of_work(ours.scope) as session:
        found = await get_users_with(session, ours.scope, user_ids=asked, include=UserInclude(api_keys=True))
        assert [one.user.id for one in found] == [third, first, second]
        assert [one.api_keys for one in found] == [(), (), ()]


@pytest.mark.parametrize("user_id", ["nobody0123456789abcdefgh", "", "\0", "\ud800"])
async def test_one_that_is_not_there_is_not_found(database: Database, ours: Tenant, *, user_id: str) -> None:
    """A single row that is not there, or cannot be, is a NotFound."""
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await get_user_with(session, ours.scope, user_id=user_id, include=UserInclude(organization=True))


async def test_a_list_has_an_end(database: Database, ours: Tenant) -> None:
    """A thousand rows can be asked for at once, one more is refused by name before anything is read."""
    async with database.unit_of_work(ours.scope) as session:
        with sent_by(session) as sent:
            assert await get_users_with(session, ours.scope, user_ids=new_ids(1000), include=UserInclude()) == []
            with pytest.raises(ValidationFailed) as refused:
                await get_users_with(session, ours.scope, user_ids=new_ids(1001), include=UserInclude())
    assert refused.value.details.keys() == {"ids"}
    assert len(sent) == 1


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_has_limits(limit: int) -> None:
    """A limit that no list has is refused by name; from 1 to 100 it is fine, and 100 when none is said."""
    with pytest.raises(ValidationFailed) as refused:
        Many(limit=limit)
    assert refused.value.details.keys() == {"limit"}
    assert [Many(1).limit, Many(100).limit, Many().limit] == [1, 100, 100]


def test_an_order_is_one_of_two() -> None:
    """An order that does not exist, which may have come from outside, is refused by name."""
    order: Any = "best"
    with pytest.raises(ValidationFailed) as refused:
        Many(order=order)
    assert refused.value.details.keys() == {"order"}


def _expected(keys: list[tuple[int, str]], limit: int, order: Order) -> list[str]:
    return [row_id for _, row_id in sorted(keys, reverse=order == "newest")][:limit]


# For each user the instants at which keys were made: few instants, so that many keys have the same one.
_MADE_AT = st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made_at=_MADE_AT, limit=st.integers(1, 7), order=st.sampled_from(("newest", "oldest")))
async def test_limit_and_order_hold_for_each_row_by_itself(
    database: Database, ours: Tenant, made_at: list[list[int]], limit: int, order: Literal["newest", "oldest"]
) -> None:
    """However many rows each is related to, each has its own first ones in the order asked; ids decide among equals."""
    keys = {await add_user(database, ours): [(minute, new_id()) for minute in minutes] for minutes in made_at}
    rows = [
        {"id": key_id, "user_id": user_id, "organization_id": ours.organization_id, "created_at": at(minute)}
        for user_id, made in keys.items()
        for minute, key_id in made
    ]
    if rows:
        await add(database, ApiKey, *rows)
    async with database.unit_of_work(ours.scope) as session:
        include = UserInclude(api_keys=Many(limit=limit, order=order))
        found = await get_users_with(session, ours.scope, user_ids=keys.keys(), include=include)
    read = {one.user.id: [key.id for key in one.api_keys] for one in found}
    assert read == {user_id: _expected(made, limit, order) for user_id, made in keys.items()}


async def test_true_asks_for_as_many_as_there_can_be(database: Database, ours: Tenant) -> None:
    """`True` asks for what One() and Many() ask for: a hundred of each, the newest first."""
    user_id = await add_user(database, ours)
    made = [(minute, new_id()) for minute in range(101)]
    owner = {"user_id": user_id, "organization_id": ours.organization_id}
    await add(database, ApiKey, *({"id": key_id, "created_at": at(minute), **owner} for minute, key_id in made))
    async with database.unit_of_work(ours.scope) as session:
        plain, spelt = [
            await get_user_with(session, ours.scope, user_id=user_id, include=include)
            for include in (
                UserInclude(organization=True, api_keys=True),
                UserInclude(organization=One(), api_keys=Many()),
            )
        ]
    assert [key.id for key in plain.api_keys] == _expected(made, 100, "newest")
    assert plain == spelt


async def test_one_row_is_the_same_for_everybody_it_belongs_to(database: Database, ours: Tenant) -> None:
    """Rows that lead to the same one share it: it is read once, whatever their number."""
    users = [await add_user(database, ours) for _ in range(3)]
    async with database.unit_of_work(ours.scope) as session:
        found = await get_users_with(session, ours.scope, user_ids=users, include=UserInclude(organization=True))
    assert len({id(one.organization) for one in found}) == 1
    assert {one.organization.id for one in found if one.organization} == {ours.organization_id}


async def test_what_comes_back_cannot_be_changed(database: Database, ours: Tenant) -> None:
    """A row with its relations is a value, and shows all it holds."""
    user_id = await add_user(database, ours)
    await add_key(database, ours, user_id, name="the key")
    async with database.unit_of_work(ours.scope) as session:
        found = await get_user_with(session, ours.scope, user_id=user_id, include=UserInclude(api_keys=True))
    assert "the key" in repr(found)
    with pytest.raises(AttributeError):
        found.user = found.user  # type: ignore[misc]  # frozen, which is what is tested
    assert isinstance(found, UserWith)
