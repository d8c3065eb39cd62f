"""Reads by noun: frozen dataclasses and the statements that fill them. Nothing here changes a row.

`get_…` raises NotFound, `find_…` returns None. Every statement names the scope's organization itself; row security
beneath shows nothing else even where that was forgotten.
"""
