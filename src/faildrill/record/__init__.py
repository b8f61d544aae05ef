"""A run on disk: its events, samples and ledgers, each appended, and readable after a crash at any byte."""
