"""The faults, each in a file of its own: a function that breaks something on a stage and says how often."""
