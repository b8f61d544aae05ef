"""The pages of a run and of a series: offline, without a script, and their pictures."""
