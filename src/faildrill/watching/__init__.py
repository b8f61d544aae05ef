"""A watch that goes on: audits and probes again and again; people are told what deviates, and when it is over."""

from faildrill.watching.alarms import Alarms, Condition
from faildrill.watching.loop import Manner, Watch

__all__ = ["Alarms", "Condition", "Manner", "Watch"]
