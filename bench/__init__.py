"""The comparison benchmark: ours, the raw limit of the database, and the peers, on one server in one run."""
