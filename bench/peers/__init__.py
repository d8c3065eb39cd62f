"""The peers' programs: each runs in the peers' own environment and must import nothing of Fairlead."""
