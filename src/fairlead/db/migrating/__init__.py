"""Migrations on their way into a database: of Fairlead's own schema, and of any application's that Alembic describes.

`run.py` applies them and takes them back, `state.py` says where a database stands. Alembic gives the revisions, their
order and the version table; what it lacks is here: one run at a time (`guard.py`), each revision in its own
transaction with patience for locks (`run.py`), the place to go on from when a run was killed in the middle of a
revision (`journal.py`), the hash of every file that was applied (`ledger.py`), and whom a statement waits for
(`watch.py`).
"""
