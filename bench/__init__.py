"""Benchmarks: ratios against comparisons that were measured in the same run."""
