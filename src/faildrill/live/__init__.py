"""A run while it goes on: what its files tell."""
