"""How fast and how exact faildrill is, beside others: `python -m benchmarks`, described in docs/benchmarks.md."""
