"""Probing: a process of its own that looks again and again, and writes down what it saw.

The runner starts it (`start`); from then on they share files only. Nothing that the runner does can delay a look.
"""

from faildrill.probing.launch import ProberNotStarted, start
from faildrill.probing.prober_plan import split

__all__ = ["ProberNotStarted", "split", "start"]
