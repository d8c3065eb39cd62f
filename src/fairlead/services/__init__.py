"""The rules: what may be done to what, by noun; a function is a use case."""
