"""Benchmarks: `python -m tests.bench`. Each figure is a ratio to a bare floor in the same run, never a time."""
