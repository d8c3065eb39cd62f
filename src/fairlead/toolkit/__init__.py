"""The database toolkit behind `fairlead db …`: what the models declare, what a database has, and the way between.

It stands on Alembic and works on any application's SQLAlchemy metadata (`target.py`). What differs is always found by
asking PostgreSQL twice with the same queries: a throw-away database that the migrations built (`shadow.py`), and one
that the models made. Nothing here serves a request or moves an item.
"""
