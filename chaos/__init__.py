"""The fault harness: it breaks what can break while items flow, and checks from outside that every promise held.

One fault: injector ─┐
           producers ├─ JSON lines, outside the database ─┐
   workers' handlers ┘                                    ├─► checker ─► violations
   a witness in the database: every committed change ─────┘

Nothing here is part of the product, and nothing of the product knows of it: the workers are the real `fairlead worker`
on a real server, with handlers of our own.
"""
