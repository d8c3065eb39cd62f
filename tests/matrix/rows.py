"""The rows of the matrix, one for each operation: whoever adds an operation says here how it can be aimed.

Every place where an id of somebody's can stand has to be a way: the path by itself, the body (also deep inside), the
query's filters, cursors, headers.
"""

from __future__ import annotations

from typing import Final

from tests.matrix.row import Row, body

from fairlead.domain.ids import new_id
from fairlead.domain.permissions import Permission

WORK: Final[dict[str, Row]] = {
    "enqueueItem": Row(Permission.ITEMS_ENQUEUE, body(lambda _: {"payload": {}})),
    "enqueueItems": Row(Permission.ITEMS_ENQUEUE, body(lambda _: {"items": [{"payload": {}}]})),
    "listItems": Row(Permission.ITEMS_READ),
    "readItem": Row(Permission.ITEMS_READ),
    "claimItems": Row(Permission.ITEMS_CLAIM, body(lambda _: {"limit": 1})),
    "renewItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "completeItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "failItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease, "error": "no"})),
    "releaseItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "createQueue": Row(Permission.QUEUES_MANAGE, body(lambda _: {"name": new_id()})),
    "listQueues": Row(Permission.QUEUES_READ),
    "readQueue": Row(Permission.QUEUES_READ),
}

ROWS: Final[dict[str, Row]] = WORK
