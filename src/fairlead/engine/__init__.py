"""The hot path: every statement that moves an item, one verb a file.

    enqueue ──► waiting ──claim──► processing ──complete──► completed
                  ▲  │                 │  └────fail, rescue (attempts used up)──► failed
                  │  └─ promote (due), │
                  │     update         │
                  └── fail, rescue, release

Delete removes an item that waits or is finished; one that somebody works on can be neither deleted nor updated.

The fence: `(id, claims)` names a lease. Every outcome finds its rows by id alone, locks them in id order, and only
then compares status, `claims` and the lease's end on the locked row. (With the status beside the ids in the search,
partial indexes become candidates and the planner scans dead entries.) A batch of outcomes comes as one JSON
parameter, sorted by id; an outcome that is not confirmed has changed nothing.

`queue_items_live` holds waiting and processing items and is written to directly; finishing an item deletes it there
and inserts it through `queue_items`, which files it.

Lock order, everywhere: a queue's row, which enqueueing shares and the queue's deletion takes alone; then items in the
order of their ids. A claim and a rescue skip what is locked and so never wait.
"""
