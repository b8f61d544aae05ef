"""Conditions under which a run ends early, weighed on the samples as they come."""
