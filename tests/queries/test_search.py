from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call

from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id
from fairlead.queries.page import After, Window
from fairlead.queries.queues import get_queue_page
from fairlead.queries.users import get_user_page, get_user_slice
from fairlead.schema import Queue as QueueTable
from fairlead.schema import User as UserTable

pytestmark = pytest.mark.anyio

PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # every example makes an organization of its own

# Few characters that mean something to some kind of pattern, and two letters in both cases.
TRICKY = st.text(st.sampled_from("aAbB%_\\'\"*?.^$[]/:{} "), max_size=6)
NAMES = st.lists(TRICKY.filter(str.strip), min_size=1, max_size=8, unique=True)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)

Found: TypeAlias = Callable[[Database, Tenant, str], Awaitable[set[str]]]


async def _people_found(database: Database, home: Tenant, search: str) -> set[str]:
    page = await call(database, home.scope, get_user_page, window=Window(limit=100), search=search)
    part = await call(database, home.scope, get_user_slice, after=After(limit=100), search=search)
    assert page.data == part.data
    assert page.total == len(page.data)
    return {user.name for user in page.data}


async def _queues_found(database: Database, home: Tenant, search: str) -> set[str]:
    page = await call(database, home.scope, get_queue_page, window=Window(limit=100), search=search)
    assert page.total == len(page.data)
    return {queue.name for queue in page.data} - {"work"}


async def _name(session: Session, home: Tenant, names: Sequence[str]) -> None:
    """Give these names to a user and a queue each, whose other texts have none of the letters that are looked for."""
    of = {"organization_id": home.organization_id}
    people = [
        {**of, "id": new_id(), "email": f"{home.organization_id}{n}@", "name": name} for n, name in enumerate(names)
    ]
    await session.execute(insert(UserTable).values(people))
    await session.execute(insert(QueueTable).values([{**of, "id": new_id(), "name": name} for name in names]))


async def _named(database: Database, *names: str) -> Tenant:
    home = await make_tenant(database)
    async with database.unit_of_work(FLEET) as session:
        await _name(session, home, names)
    return home


EACH_LIST = pytest.mark.parametrize("found", [_people_found, _queues_found], ids=["users", "queues"])


@PROPERTY
@given(names=NAMES, search=TRICKY.filter(bool))
@example(names=["100%", "1000"], search="0%")
@example(names=["a_b", "aab"], search="A_B")
@example(names=["a\\b", "ab", "a%b"], search="\\")
@example(names=["a/b", "a/_b", "a_b"], search="/_")
async def test_no_character_is_special(database: Database, names: list[str], search: str) -> None:
    """A term is found in exactly the names that contain it, in any case: no wildcard, escape or quote is special."""
    home = await _named(database, *names)
    expected = {name for name in names if search.lower() in name.lower()}
    assert await _queues_found(database, home, search) == expected
    # An address has letters of its own.
    assert {name for name in await _people_found(database, home, search) if search.lower() in name.lower()} == expected
    if not set(search) <= set("aAbB"):
        assert await _people_found(database, home, search) == expected


@PROPERTY
@given(name=WORDS, data=st.data())
async def test_a_name_is_found_by_every_part_of_it(database: Database, name: str, data: st.DataObject) -> None:
    """Whatever a name is made of, it is found by itself and by every part of itself."""
    home = await _named(database, name)
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]
    for search in (name, part):
        assert await _people_found(database, home, search) == {name}
        assert await _queues_found(database, home, search) == {name}


@EACH_LIST
@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("Äpfel & Öl", "äpfel & öl"),
        ("äpfel & öl", "ÄPFEL & ÖL"),
        ("Crème brûlée", "ÈME BRÛ"),
        ("Straße", "STRAẞE"),
        ("STRAẞE", "straße"),
        ("İstanbul", "İstanbul"),
        ("İstanbul", "STANBUL"),
        ("Diyarbak\N{LATIN SMALL LETTER DOTLESS I}r", "BAK\N{LATIN SMALL LETTER DOTLESS I}R"),
        ("Привет", "ПРИВ"),
        ("Σίσυφος", "ΣΊΣΥΦΟ"),
        ("東京", "京"),
        ("\U0001f469\u200d\U0001f467", "\U0001f467"),
        ("\U00010400", "\U00010428"),
    ],
)
async def test_letters_of_all_kinds(database: Database, found: Found, name: str, search: str) -> None:
    """Letters that are not ASCII are found in any case too, and those without cases as they are."""
    home = await _named(database, name, "somebody else")
    assert await found(database, home, search) == {name}


@EACH_LIST
@pytest.mark.parametrize("search", ["\0", "Ada\0", "\ud800", "\udfffAda", "%\0%"], ids=ascii)
async def test_what_cannot_be_stored_is_found_nowhere(database: Database, found: Found, search: str) -> None:
    """A term that no row can contain is no error; it is just in no row."""
    home = await _named(database, "Ada", "ud800", "\ufffd", "0")
    assert await found(database, home, search) == set()


@EACH_LIST
async def test_nothing_is_no_filter(database: Database, found: Found) -> None:
    """An empty term filters nothing; a blank is a character like any other."""
    home = await _named(database, "Ada", "Ada Lovelace")
    assert await found(database, home, "") == {"Ada", "Ada Lovelace"}
    assert await found(database, home, " ") == {"Ada Lovelace"}


async def test_name_and_address_are_two_things(database: Database) -> None:
    """A user is found by the name or by the address, never by the end of one and the beginning of the other."""
    home = await _named(database, "Ada!")
    first = home.organization_id[0]
    assert await _people_found(database, home, f"{home.organization_id.upper()}0@") == {"Ada!"}
    for between in ("", " ", "\n", "\t", ",", "\r\n"):
        assert await _people_found(database, home, f"!{between}{first}") == set(), ascii(between)
    assert await _people_found(database, home, "\n") == set()
