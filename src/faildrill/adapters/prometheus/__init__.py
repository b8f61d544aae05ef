"""Prometheus: the state of a watch, as metrics."""
