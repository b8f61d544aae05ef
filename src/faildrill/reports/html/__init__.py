"""The pages of a run, of a set and of a trend: offline, without a script, and their pictures."""
