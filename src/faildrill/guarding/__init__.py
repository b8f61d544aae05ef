"""Reasons not to start, the lock of an environment, and the marks of runs that are not put back."""
