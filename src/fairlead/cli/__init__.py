"""The operators' door: the `fairlead` command."""
