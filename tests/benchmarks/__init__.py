"""Figures, as ratios measured side by side in one run: `python -m tests.benchmarks`, or `make bench`.

Nothing in here is timed by pytest: machines differ, and so does one machine from minute to minute.
"""
