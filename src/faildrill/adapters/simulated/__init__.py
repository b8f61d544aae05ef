"""A simulated place: files stand for services, and actions misbehave as they are told."""
