"""The hot path: every statement that moves an item, one verb a file.

    enqueue ──► waiting ──claim──► processing ──complete──► completed ──┐
                  ▲  │                 │  └────fail, rescue (attempts used up)──► failed ──┤
                  │  └─ promote (due), │                                                   │
                  │     advance (turn),│   waiting ──cancel──────────────► cancelled ──────┤
                  │     update         │   processing ──cancel, and then end_cancelled     │
                  │                    │                or rescue ───────► cancelled ──────┤
                  ├── fail, rescue, snooze, release                                        │
                  └── retry ───────────────────────────────────────────────────────────────┘

Cancel ends what waits. What somebody holds stays processing, with its slot and its ordering key, until its holder has
stopped or its lease is over; every other outcome is refused meanwhile.

Schedule enqueues what the clock asks for. Delete removes an item that waits or is finished, prune what was finished
long enough ago; one that somebody works on can be neither deleted nor updated. Fold, reconcile and carry_rate move
nothing: they keep the accounts (`accounts.py`) short and right.

The fence: `(id, claims)` names a lease. Every outcome finds its rows by id alone, locks them in id order, and only
then compares status, `claims`, the lease's end and whether the item was cancelled on the locked row. (With the status
beside the ids in the search, partial indexes become candidates and the planner scans dead entries.) A batch of outcomes
comes as one JSON parameter, sorted by id; an outcome that is not confirmed has changed nothing.

`queue_items_live` holds waiting and processing items and is written to directly; finishing an item deletes it there
and inserts it through `queue_items`, which files it.

Lock order, everywhere: the turn of a limited depth; a queue's row, which all share who enqueue, finish or retry its
items, and which the queue's deletion takes alone; items in the order of their ids; slots in the order of their keys. A
claim takes slots first, but never waits for an item, as a rescue never does; nobody waits for a counter or a note.
A transaction that runs one verb therefore never deadlocks; whoever runs several in one takes the risk, and
`db/retry.py`.
"""
