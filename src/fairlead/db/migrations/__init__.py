"""Alembic's environment and revisions; `db/migrate.py` runs them."""
