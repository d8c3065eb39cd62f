"""Runs handlers: fetch → execute → report, with a heartbeat beside it.

wake-ups, scout ──► known queues ──► fetch ──claims──► buffer ──► runners (one an item at a time) ──outcomes──► report
                                                                                                                  │
                                                             turns: the next item of an ordering key comes forward ◄┘

heartbeat, on a thread and connection of its own, keeps every lease until its outcome is confirmed
"""
