"""What kinds and files are, for people: explanations, JSON schemas, a first drill."""
