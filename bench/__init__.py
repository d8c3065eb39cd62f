"""Benchmarks: `python -m bench` compares with the raw limit and the peers, `python -m bench.search` looks at lists."""
