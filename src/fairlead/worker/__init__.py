"""Runs handlers: fetch → execute → report, with a heartbeat beside it.

fetch ──claims──► Held ──► runners (one an item at a time) ──outcomes──► report
│
heartbeat, on a thread and connection of its own, keeps every lease until its outcome is confirmed
"""
