"""Whether a failover is warranted: independent observers are heard, and what they say is weighed."""

from faildrill.warranting.hearing import WITHIN, hear, observers
from faildrill.warranting.recorded import recorded
from faildrill.warranting.weighing import Answer, Warrant, weigh

__all__ = ["WITHIN", "Answer", "Warrant", "hear", "observers", "recorded", "weigh"]
