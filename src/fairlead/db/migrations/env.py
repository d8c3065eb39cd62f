"""Alembic's environment: runs on the connection that `db/migrate.py` hands over, one transaction a revision."""

from __future__ import annotations

from alembic import context

from fairlead.schema import metadata


def run() -> None:
    """Configure and run, online on the given connection or offline as SQL."""
    connection = context.config.attributes.get("connection")
    context.configure(
        connection=connection,
        dialect_name=None if connection is not None else "postgresql",
        target_metadata=metadata,
        version_table=context.config.get_main_option("version_table") or "fairlead_migrations",
        transaction_per_migration=True,
        literal_binds=connection is None,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
