"""Put back and see it steady; and clean up after a run that died."""
