"""The users that search is measured on: 100,000 of one organization, and as many of 50 others, mixed in the table.

Names and addresses are drawn from a fixed seed, so that every run finds the same; a few are there to be searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg

from fairlead.domain.ids import new_id, new_ids
from fairlead.schema.row_security import OWNER_ROLE, SYSTEM_ROLE

USERS = 100_000  # of the organization that is asked, and of all the others together
OTHERS = 50
_FIRST = """
Anna Ben Carla David Elena Frank Grace Hans Irene Jonas Karin Louis Maria Nora Oscar Paula Quentin Rosa Stefan Tanja
Ulrich Vera Walter Xenia Yusuf Zoe Aiko Bruno Chen Dmitri Søren Łukasz Jürgen Øyvind Żaneta
"""
_LAST = """
Keller Smith Johnson Garcia Mueller Rossi Tanaka Ivanov Nguyen Okafor Silva Petrov Andersson Dubois Fischer Weber Novak
Kowalski Haddad Costa Moreau Schmidt Lopez Martin Brown Wilson Taylor Moore Clark Hall Young Wright Green Baker Hill
"""
_DOMAINS = "megacorp blue river stone forest harbor meadow summit valley bridge"
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_STAGE = """
create temporary table stage
    (id text, organization_id text, name text, email text, created_at timestamptz) on commit drop
"""
_FILL = """
insert into users (id, organization_id, name, email, created_at)
select id, organization_id, name, email, created_at from stage
"""
_COLUMNS = "id, organization_id, name, email, created_at"


@dataclass(frozen=True, slots=True)
class Person:
    """What a search looks at."""

    name: str
    email: str

    def has(self, term: str) -> bool:
        """Say whether the term is in one of the two, in any case."""
        return any(term.lower() in text.lower() for text in (self.name, self.email))


@dataclass(frozen=True, slots=True)
class Population:
    """The organization that is asked, and its people."""

    organization_id: str
    people: tuple[Person, ...]

    def count(self, term: str) -> int:
        """Return how many a search has to find."""
        return sum(person.has(term) for person in self.people)


def populate(url: str, *, say: Callable[[str], None]) -> Population:
    """Fill the migrated database at `url` and let the server look at what it has; `say` is told each step."""
    asked, *others = new_ids(1 + OTHERS)
    here, elsewhere = tuple(_people(seed=1)), tuple(_people(seed=2))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {SYSTEM_ROLE}")
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(
                "insert into organizations (id, name, slug) values (%s, 'An organization', %s)",
                [(organization_id, organization_id) for organization_id in (asked, *others)],
            )
            cursor.execute(_STAGE)
            say(f"Making {len(here) + len(elsewhere):,} users")
            with cursor.copy(f"copy stage ({_COLUMNS}) from stdin") as copy:
                for number, (ours, theirs) in enumerate(zip(here, elsewhere, strict=True)):
                    created_at = _BEGAN + timedelta(seconds=number)
                    for organization_id, person in ((asked, ours), (others[number % OTHERS], theirs)):
                        copy.write_row((new_id(), organization_id, person.name, person.email, created_at))
            cursor.execute(_FILL)
        say("Vacuuming")
        connection.execute(f"set role {OWNER_ROLE}")
        connection.execute("vacuum analyze users")
    return Population(asked, here)


def _people(*, seed: int) -> Iterator[Person]:
    """Yield them, the oldest first."""
    random = Random(seed)  # noqa: S311 - names are no secrets
    names = [words.split() for words in (_FIRST, _LAST, _DOMAINS)]
    for number in range(USERS):
        first, last, domain = map(random.choice, names)
        email = f"{first}.{last}{number:x}.{seed}@{domain}.example".lower()
        yield Person(f"{_to_be_found(number) or first} {last}", email)


def _to_be_found(number: int) -> str | None:
    """Return the first name of somebody that a search is for."""
    if number < 25:  # noqa: PLR2004 - more than fit on one page, so that all of them have to be counted
        return "Wombatina"
    rare = {11: "Zyxomma", 77: "Club 50%", 79: "Club 501"}
    return rare.get(number % 10_000) or {37: "Élodie", 137: "ÉLODIE"}.get(number % 200)
