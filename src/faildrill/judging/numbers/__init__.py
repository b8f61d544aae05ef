"""What a run came to, in figures: of each probe, of its load, of its users."""
