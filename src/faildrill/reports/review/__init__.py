"""The post-incident review of a run: filled from its files, finished by people."""
