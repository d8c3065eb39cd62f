"""A small application with tables of its own, beside Fairlead's in the same database."""
