"""Our own periodic work; safe to run in any number of processes at once, since each turn skips what is locked."""
