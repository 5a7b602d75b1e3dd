"""Throughput against peers, measured in one run on loopback: `python -m benchmarks`. Ratios count, not microseconds."""
