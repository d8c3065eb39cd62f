from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine
from tests.fixtures.catalogue import differences, snapshot

from fairlead.db import migrate
from fairlead.db.connect import driver_url
from fairlead.schema import metadata


def _create_from_models(url: str) -> None:
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()


def test_the_migrated_schema_is_the_declared_one(empty_url: str, model_url: str) -> None:
    """What the migrations build and what the models declare is the same, down to grants and storage options."""
    migrate.migrate(empty_url)
    _create_from_models(model_url)
    migrated = snapshot(empty_url)
    assert differences(migrated, snapshot(model_url)) == []
    assert {kind for kind, rows in migrated.items() if not rows} <= {
        "triggers",
        "column grants",
        "default grants",
        "functions",
    }


CHANGES = [
    "alter table queues alter column max_attempts drop not null",
    "alter table queues alter column max_attempts set default 4",
    'alter table users alter column image type text collate "C"',
    "alter table queues drop constraint queues_rate_check",
    "drop index queue_items_status_idx",
    "alter type queue_item_status add value 'snoozed' before 'failed'",
    "alter sequence queue_items_seq increment 2",
    "alter table workers no force row level security",
    "alter table queue_items_live disable row level security",
    "alter policy roles_shared on roles using (true)",
    "alter policy users_system on users to fairlead_app",
    "grant update on audit_events to fairlead_app",
    "grant select on users to public",
    "alter table queue_items_live set (autovacuum_vacuum_threshold = 50)",
    "create table queue_items_day partition of queue_items for values from ('2026-01-01') to ('2026-01-02')",
    "alter table workers owner to fairlead_tests",
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_comparison_sees_a_change(fresh_url: str, change: str) -> None:
    """A single change of any kind makes two schemas differ, so that agreement means something."""
    before = snapshot(fresh_url)
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("set role fairlead_owner" if "owner to" not in change else "set role none")
        connection.execute(change.encode())
    assert differences(before, snapshot(fresh_url)) != []
