"""Fairlead: fair, multi-tenant work queues on the PostgreSQL you already run.

Declare handlers on an `App`, run them with `fairlead worker MODULE:APP`. Importing this touches no database.
"""

from fairlead.errors import FairleadError, GiveUp, Snooze
from fairlead.worker.context import Item
from fairlead.worker.registry import App

__all__ = ["App", "FairleadError", "GiveUp", "Item", "Snooze"]
