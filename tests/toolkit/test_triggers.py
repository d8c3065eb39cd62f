from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.fixtures.revisions import do

from fairlead.toolkit.backfill import fill_statement
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.triggers import Fired, fired


@pytest.fixture(scope="module")
def driver(server_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A database with tables on which triggers are."""
    with scratch(server_url) as url:
        do(
            url,
            "create function no() returns trigger language plpgsql as $$ begin return null; end $$",
            "create table quiet (a int)",
            'create table "Odd one" (a int, b int)',
            'create trigger off before update on "Odd one" for each row execute function no()',
            'alter table "Odd one" disable trigger off',
            'create trigger made after insert on "Odd one" for each row execute function no()',
            'create trigger of_b before update of b on "Odd one" for each row execute function no()',
            'create trigger noted after update on "Odd one" for each statement execute function no()',
            "create table parts (a int) partition by list (a)",
            "create table part partition of parts default",
            "create trigger every before update on parts for each row execute function no()",
            "create trigger own before update on part for each row execute function no()",
            "create rule redirected as on update to quiet do also notify quiet",
        )
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (fill_statement('"Odd one"', "a", "1"), [Fired('"Odd one"', ("noted",))]),
        ('update "Odd one" set b = 1 where b is null', [Fired('"Odd one"', ("noted", "of_b"))]),
        (fill_statement("public.parts", "a", "1", partitioned=True), [Fired("public.parts", ("every", "own"))]),
        ("UPDATE quiet SET a = 1", [Fired("quiet", ("redirected",))]),
        ("update nowhere set a = 1", []),
        ("create trigger x before update on quiet for each row execute function no()", []),
    ],
)
def test_what_an_update_fires(
    driver: psycopg.Connection[tuple[object, ...]], statement: str, found: list[Fired]
) -> None:
    """Triggers and rules for the update of that column are named, once for all partitions; others are not."""
    assert fired([statement], driver) == found
