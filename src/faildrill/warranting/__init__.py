"""Whether a failover is warranted: independent observers are heard, and what they say is weighed."""

from faildrill.warranting.answer import Answer, Warrant, weigh
from faildrill.warranting.observers import WITHIN, hear, observers
from faildrill.warranting.recorded import recorded

__all__ = ["WITHIN", "Answer", "Warrant", "hear", "observers", "recorded", "weigh"]
