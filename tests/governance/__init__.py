"""Tests of the governance room. A package: `benchmarks/governance.py` has the same name."""
