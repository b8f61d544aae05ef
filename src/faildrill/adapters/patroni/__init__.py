"""Patroni, asked and told over the REST interface of every node."""
