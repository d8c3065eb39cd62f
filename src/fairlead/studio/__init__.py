"""`fairlead db studio`: a page on this machine over the tables of a target's metadata.

It stands on psycopg, Starlette and Jinja2 alone, so that each of its promises is in one file:

* `login.py`: whatever is read is read by a login that can do nothing else, made for this run and dropped after it.
* `secrecy.py`: which columns are secret; that login is not given them, so no page, export or SQL statement shows them.
* `guard.py`: nobody but the browser that was given the address gets an answer.
* `changes.py`: every write is one row, in one transaction, with its entry in the audit trail; only with `--write`.
* `filters.py`, `keyset.py`, `lists.py`: a list reads a page, in the order of a key, within a time limit.
* `console.py`: people's own SQL, one statement in a read-only transaction.
"""
