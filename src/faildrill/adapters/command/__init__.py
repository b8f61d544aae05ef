"""Programs of the user's: what has no kind of its own yet."""
