"""Reads by noun, and pages; nothing here changes a row."""
