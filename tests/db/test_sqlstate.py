from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.fixtures.every_table import fill_every_table
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.items import FLEET
from tests.fixtures.statements import WAYS, Way, opened, value_of
from tests.fixtures.waiting import until

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Session
from fairlead.db.sqlstate import CONFLICTS
from fairlead.errors import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    FairleadError,
    Locked,
    NotFound,
    SchemaOutdated,
    TransactionConflict,
    ValidationFailed,
)

pytestmark = pytest.mark.anyio

EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

# The unique indexes that nobody's input can hit, and why.
_DRAWN = "an id that Fairlead draws at random"
_SECRET = "the hash of a secret that Fairlead draws at random"
NEVER_HIT = {
    "api_keys_hash_idx": _SECRET,
    "api_keys_organization_id_id_key": _DRAWN,
    "api_keys_pkey": _DRAWN,
    "api_keys_rotated_idx": "an id drawn at random, of a key that is locked while it is rotated and only rotated once",
    "audit_events_pkey": _DRAWN,
    "buckets_pkey": "written with on conflict",
    "credentials_pkey": _DRAWN,
    "depth_turns_pkey": "written with on conflict",
    "duties_pkey": "written with on conflict",
    "fairlead_migrations_pkc": "the tool's own table",
    "idempotency_keys_pkey": "one request at a time is at a key, and finds what the one before it wrote",
    "invitations_pkey": _DRAWN,
    "invitations_token_idx": _SECRET,
    "item_counters_pkey": "an identity",
    "kept_mails_pkey": _DRAWN,
    "ordering_turns_pkey": "an identity",
    "organizations_pkey": _DRAWN,
    "personal_idempotency_keys_pkey": "as those of organizations",
    "queue_items_pkey": _DRAWN,
    "queue_items_finished_pkey": _DRAWN,
    "queue_items_live_pkey": _DRAWN,
    "queue_items_turn_idx": "advancing alone makes an item of a key the one that is not blocked, and begins again",
    "queues_organization_id_id_key": _DRAWN,
    "queues_pkey": _DRAWN,
    "roles_owner_scope_id_key": _DRAWN,
    "roles_pkey": _DRAWN,
    "schedules_pkey": _DRAWN,
    "sessions_pkey": _DRAWN,
    "sessions_token_idx": _SECRET,
    "slots_pkey": "written with on conflict",
    "unique_periods_pkey": "written with on conflict",
    "users_pkey": _DRAWN,
    "verifications_pkey": _DRAWN,
    "verifications_token_idx": _SECRET,
    "workers_pkey": _DRAWN,
}

# A statement that hits each index of CONFLICTS, where every table has a row.
DUPLICATES = {
    "credentials_account_idx": "insert into credentials (id, user_id, provider, account_id) "
    "select 'twin', user_id, provider, account_id from credentials",
    "organizations_slug_idx": "insert into organizations (id, name, slug) select 'twin', name, slug from organizations",
    "queue_items_unique_idx": "insert into queue_items "
    "(id, organization_id, queue_id, payload, unique_key, unique_while) "
    "select n.id, organization_id, queue_id, payload, 'a', 'active' "
    "from queue_items, (values ('u'), ('v')) n (id) where finished_at = 'infinity'",
    "queues_name_idx": "insert into queues (id, organization_id, name) "
    "select 'twin', organization_id, name from queues",
    "roles_name_idx": "insert into roles (id, organization_id, name) select 'twin', organization_id, name from roles "
    "where organization_id is not null",
    "schedules_name_idx": "insert into schedules (id, organization_id, queue_id, name, cron) "
    "select 'twin', organization_id, queue_id, name, cron from schedules",
    "second_factors_pkey": "insert into second_factors (user_id, sealed_secret) "
    "select user_id, sealed_secret from second_factors",
    "user_roles_pkey": "insert into user_roles (organization_id, user_id, role_id, role_scope) "
    "select organization_id, user_id, role_id, role_scope from user_roles",
    "users_email_idx": "insert into users (id, email, name) select 'twin', email, name from users",
}

_FLIPPED = "status = cast(case when status = 'waiting' then 'failed' else 'waiting' end as queue_item_status)"

# What violates each check, and the field that has to be named.
VIOLATIONS = {
    "audit_events_actor_kind_check": ("actor_kind", "actor_kind = 'ghost'"),
    "credentials_provider_check": ("provider", "provider = ''"),
    "invitations_role_scope_check": ("role_scope", "role_scope = 'elsewhere'"),
    "organizations_max_concurrency_check": ("max_concurrency", "max_concurrency = 0"),
    "organizations_max_queue_depth_check": ("max_queue_depth", "max_queue_depth = 0"),
    "organizations_weight_check": ("weight", "weight = 1001"),
    "queue_items_attempts_check": ("attempts", "attempts = -1"),
    "queue_items_blocked_check": ("blocked", "blocked = true"),
    "queue_items_finished_at_check": ("finished_at", _FLIPPED),
    "queue_items_lease_check": ("lease_expires_at", "lease_expires_at = now()"),
    "queue_items_payload_check": ("payload", "payload = '[]'"),
    "queue_items_priority_check": ("priority", "priority = 1000001"),
    "queue_items_ready_check": ("ready", "ready = false"),
    "queue_items_unique_while_check": ("unique_while", "unique_while = 'active'"),
    "queues_backoff_delays_check": ("backoff_delays", "backoff_delays = '{-1}'"),
    "queues_backoff_factor_check": ("backoff_factor", "backoff_factor = 0"),
    "queues_backoff_policy_check": ("backoff_policy", "backoff_policy = 'never'"),
    "queues_backoff_seconds_check": ("backoff_base_seconds", "backoff_cap_seconds = -1"),
    "queues_lease_seconds_check": ("lease_seconds", "lease_seconds = 0"),
    "queues_max_attempts_check": ("max_attempts", "max_attempts = 0"),
    "queues_max_concurrency_check": ("max_concurrency", "max_concurrency = 0"),
    "queues_max_depth_check": ("max_depth", "max_depth = 0"),
    "queues_rate_check": ("rate_limit", "rate_limit = 0"),
    "queues_retention_seconds_check": ("retention_seconds", "retention_seconds = -1"),
    "schedules_catch_up_limit_check": ("catch_up_limit", "catch_up_limit = 0"),
    "schedules_missed_runs_check": ("missed_runs", "missed_runs = 'sometimes'"),
    "schedules_payload_check": ("payload", "payload = '[]'"),
    "user_roles_role_scope_check": ("role_scope", "role_scope = 'elsewhere'"),
    "verifications_purpose_check": ("purpose", "purpose = 'curiosity'"),
    "verifications_sign_up_check": ("name", "purpose = 'sign_up'"),
}  # fmt: skip

# Where pointing a column at nothing would meet a check before it meets the reference.
_ELSEWHERE = {"user_roles.organization_id": "organization_id = 'nobody', role_scope = '*', role_id = 'member'"}

INDEXES = """
select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indisunique and c.relnamespace = 'public'::regnamespace
"""
CHECKS = """
select conname, conrelid::regclass::text from pg_constraint
where contype = 'c' and connamespace = 'public'::regnamespace
"""
REFERENCES = """
select f.conrelid::regclass::text, a.attname from pg_constraint f
join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[cardinality(f.conkey)]
where f.contype = 'f' and f.connamespace = 'public'::regnamespace
"""
COLUMNS = """
select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
where a.attnum > 0 and c.relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def filled(database_url: str) -> None:
    """One organization with a row in every table."""
    with psycopg.connect(database_url) as connection:
        fill_every_table(connection)


@pytest.fixture
def catalogue(process_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the migrated database, as the login."""
    with psycopg.connect(process_url) as connection:
        yield connection


async def _error_of(session: Session, sql: str) -> FairleadError | None:
    """Return what the statement raises; it changes nothing."""
    try:
        async with session.savepoint():
            await session.execute(text(sql))
    except FairleadError as error:
        return error
    return None


def test_every_unique_index_is_known(catalogue: psycopg.Connection[Any]) -> None:
    """A unique index is one that somebody's input can hit, and has its sentence, or there is a reason why not."""
    found = {row[0] for row in catalogue.execute(INDEXES.encode())}
    assert found == CONFLICTS.keys() | NEVER_HIT.keys()
    assert not CONFLICTS.keys() & NEVER_HIT.keys()
    assert DUPLICATES.keys() == CONFLICTS.keys()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("index", DUPLICATES)
async def test_a_duplicate_is_a_conflict_that_names_its_field(database: Database, index: str) -> None:
    """What is there already is a Conflict, and the field and the sentence are the index's own."""
    field, sentence = CONFLICTS[index]
    async with database.unit_of_work(FLEET) as session:
        error = await _error_of(session, DUPLICATES[index])

    assert type(error) is Conflict
    assert error.details == {field: sentence}


@pytest.mark.usefixtures("filled")
async def test_another_duplicate_is_a_conflict_too(database: Database) -> None:
    """An id that is there already, which nobody can give, is a Conflict that names nothing."""
    async with database.unit_of_work(FLEET) as session:
        error = await _error_of(
            session, "insert into organizations (id, name, slug) select id, '', '' from organizations"
        )

    assert type(error) is Conflict
    assert error.details == {}


@pytest.mark.usefixtures("filled")
async def test_each_check_names_a_field_of_its_table(database: Database, catalogue: psycopg.Connection[Any]) -> None:
    """What a check refuses, in a partition too, is ValidationFailed with the column that somebody can mend."""
    checks = catalogue.execute(CHECKS.encode()).fetchall()
    columns = set(catalogue.execute(COLUMNS.encode()).fetchall())
    wrong = []
    async with database.unit_of_work(FLEET) as session:
        for name, table in checks:
            field, change = VIOLATIONS[name]
            error = await _error_of(session, f"update {table} set {change}")  # noqa: S608
            if type(error) is not ValidationFailed or error.details.keys() != {field} or (table, field) not in columns:
                wrong.append((name, table, error))

    assert wrong == []
    assert {name for name, _ in checks} == VIOLATIONS.keys()


@pytest.mark.usefixtures("filled")
async def test_each_broken_reference_is_not_found(database: Database, catalogue: psycopg.Connection[Any]) -> None:
    """A row that points at nothing, in a partition too, is NotFound: what it points at is not there."""
    references = catalogue.execute(REFERENCES.encode()).fetchall()
    wrong = []
    async with database.unit_of_work(FLEET) as session:
        for table, column in references:
            change = _ELSEWHERE.get(f"{table}.{column}", f"{column} = 'nobody'")
            error = await _error_of(session, f"update {table} set {change}")  # noqa: S608
            if type(error) is not NotFound:
                wrong.append((table, column, error))

    assert wrong == []
    assert len(references) > 20


@pytest.mark.usefixtures("filled")
async def test_a_missing_value_is_named(database: Database) -> None:
    """A column that must have a value and has none is ValidationFailed with its name."""
    async with database.unit_of_work(FLEET) as session:
        error = await _error_of(session, "update users set email = null")

    assert type(error) is ValidationFailed
    assert error.details == {"email": "must be given"}


GONE = ["08000", "08003", "08006", "08001", "08004", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04"]
MEANINGS: dict[str, type[FairleadError]] = {
    **dict.fromkeys(GONE, DatabaseUnavailable),
    **dict.fromkeys(["40001", "40P01"], TransactionConflict),
    **dict.fromkeys(["53300", "57014"], Busy),
    "55P03": Locked,
    **dict.fromkeys(["42P01", "42703", "42704"], SchemaOutdated),
    **dict.fromkeys(["22021", "22P05", "22P02", "22003", "23502", "23514"], ValidationFailed),
    "23503": NotFound,
    "23505": Conflict,
}


@EACH_WAY
@pytest.mark.parametrize("state", MEANINGS)
async def test_a_state_means_the_same_whichever_way_it_comes(database: Database, way: Way, state: str) -> None:
    """What the server says by its SQLSTATE is one error of ours, out of each of the session's methods."""
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises(MEANINGS[state]) as raised:
            async with session.savepoint():
                await way(session, f"do $$ begin raise exception using errcode = '{state}'; end $$")

    assert type(raised.value) is MEANINGS[state]


@EACH_WAY
async def test_a_defect_stays_what_it_is(database: Database, way: Way) -> None:
    """What is in no table is a mistake in Fairlead's own SQL, and its error is left as it came."""
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises((DBAPIError, lookup("42601"))):
            async with session.savepoint():
                await way(session, "selec")


@EACH_WAY
@pytest.mark.parametrize(
    ("sql", "meaning"),
    [
        ("select cast('\"\\u0000\"' as jsonb)", ValidationFailed),
        ("select cast('many' as integer)", ValidationFailed),
        ("select cast(99999999999 as integer)", ValidationFailed),
        ("select nothing", SchemaOutdated),
        ("select * from nowhere", SchemaOutdated),
        ("select cast(1 as nothing)", SchemaOutdated),
    ],
)
async def test_what_the_server_refuses(database: Database, way: Way, sql: str, meaning: type[FairleadError]) -> None:
    """A value that cannot be kept is the caller's mistake, a name that is missing is a schema of another version."""
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises(meaning):
            async with session.savepoint():
                await way(session, sql)


@EACH_WAY
@pytest.mark.parametrize("value", ["\0", "a\0", "\ud800", ["\0"], ["\udfff"]], ids=ascii)
async def test_what_the_driver_refuses(database: Database, way: Way, value: object) -> None:
    """A text that PostgreSQL cannot hold is the caller's mistake, although it is never sent."""
    async with database.unit_of_work(FLEET) as session:
        with pytest.raises(ValidationFailed):
            async with session.savepoint():
                await way(session, "select :value", value=value)


@EACH_WAY
@pytest.mark.usefixtures("ours")
async def test_a_lock_that_is_not_given(database: Database, way: Way) -> None:
    """Whoever waits too long for a lock is told so, and not that it is a conflict."""
    lock = "update organizations set weight = weight"
    async with opened(database, lock_timeout_seconds=0.05) as hurried, database.unit_of_work(FLEET) as holder:
        await way(holder, lock)
        async with hurried.unit_of_work(FLEET) as session:
            with pytest.raises(Locked):
                async with session.savepoint():
                    await way(session, lock)


@EACH_WAY
async def test_a_statement_that_takes_too_long(database: Database, way: Way) -> None:
    """A statement is ended when its time is up."""
    async with opened(database, statement_timeout_seconds=0.05) as hurried, hurried.unit_of_work(FLEET) as session:
        with pytest.raises(Busy) as raised:
            async with session.savepoint():
                await way(session, "select pg_sleep(10)")

    assert type(raised.value) is Busy


@EACH_WAY
async def test_a_connection_that_is_ended(database: Database, server_url: str, database_url: str, way: Way) -> None:
    """When the server ends the connection, the statement says that the database went away."""

    async def loses() -> None:
        async with database.unit_of_work(FLEET) as session:
            end_connections(server_url, database_url)
            await way(session, "select 1")

    with pytest.raises(DatabaseUnavailable):
        await loses()


async def test_a_transaction_that_was_idle_for_too_long(database: Database) -> None:
    """A server that ends transactions which do nothing has gone away, for all that the transaction knows."""
    backends = "select count(*) from pg_stat_activity where pid = :pid"

    async def idles() -> None:
        async with database.unit_of_work(FLEET) as session:
            pid = await value_of(session, "select pg_backend_pid()")
            await session.execute(text("set local idle_in_transaction_session_timeout = '1ms'"))

            async def ended() -> bool:
                async with database.unit_of_work(FLEET) as other:
                    return bool(await value_of(other, backends, pid=pid) == 0)

            await until(ended, what="the idle transaction's connection is ended")
            await session.execute(text("select 1"))

    with pytest.raises(DatabaseUnavailable):
        await idles()


async def test_no_connection_is_left(database: Database) -> None:
    """Whoever waits too long for one of the process's own connections is told that it is busy."""
    async with opened(database, pool_size=1, checkout_timeout_seconds=0.05) as narrow, narrow.unit_of_work(FLEET):
        with pytest.raises(Busy):
            async with narrow.unit_of_work(FLEET):
                pass


async def test_the_server_takes_no_more_connections(fresh_url: str, server_url: str) -> None:
    """A server that refuses a connection is away, whatever the reason it gives."""
    refuse_connections(server_url, fresh_url, refuse=True)
    refused = Database(DatabaseOptions(url=fresh_url))
    with pytest.raises(DatabaseUnavailable):
        async with refused.unit_of_work(FLEET):
            pass
    await refused.close()
    refuse_connections(server_url, fresh_url, refuse=False)


async def test_nobody_is_there() -> None:
    """An address where nothing listens is a database that is away."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = Database(DatabaseOptions(url=f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/none"))
        with pytest.raises(DatabaseUnavailable):
            async with away.unit_of_work(FLEET):
                pass
        await away.close()
