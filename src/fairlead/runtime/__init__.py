"""How anything of ours runs for long: one lifecycle for every loop, and what signals mean."""
