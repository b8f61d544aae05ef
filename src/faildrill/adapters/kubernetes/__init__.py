"""Kubernetes, by its API in JSON, with an address and a token that the environment file names: no ambient context."""
