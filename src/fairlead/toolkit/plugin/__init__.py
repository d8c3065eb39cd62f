"""The one Alembic plugin: autogenerate that sees everything a model declares, and nothing that is equal.

It works after Alembic's own comparison. What PostgreSQL's catalogue shows to be the same on both sides is taken out of
that, and what the catalogue shows to differ and Alembic did not see is put in: row security and FORCE, policies,
grants, functions, triggers, views, enum values in order, checks, predicates of indexes, storage, comments and the rest.

With Alembic's own command, in `env.py`: `context.configure(…, compare_server_default=True,
autogenerate_plugins=["alembic.autogenerate.*", register()])`, where `register` is `comparator.register`; the throw-away
database of the models is made beside the one that is compared.
"""
