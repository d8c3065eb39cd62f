"""For plain `alembic` on the same files; `fairlead db` does without."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine

from shop.schema import metadata

OPTIONS = {
    "target_metadata": metadata,
    "version_table": "shop_migrations",
    "include_schemas": True,
    "include_name": lambda name, kind, _parents: kind != "schema" or name == "shop",
    "transaction_per_migration": True,
}


def run() -> None:
    """Run on the database of DATABASE_URL, or offline as SQL."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
        return
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    with create_engine(url).connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()


run()
