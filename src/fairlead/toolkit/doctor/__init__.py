"""`fairlead doctor`: what is wrong with a running database, or soon will be, and what to do about it.

A group of findings a file; `examination.py` runs them all. It is about Fairlead's own installation: the server, the
walls between organizations, the hot tables, and work that does not move. Nothing here changes anything: each check has
a read-only transaction, and what it cannot look at it says.
"""
