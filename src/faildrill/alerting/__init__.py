"""A watch that goes on: audits and probes again and again; people are told what deviates, and when it is over."""

from faildrill.alerting.alarms import Alarms, Condition
from faildrill.alerting.watching import Manner, Watch

__all__ = ["Alarms", "Condition", "Manner", "Watch"]
