"""TCP: a connection is asked for, and what a failed one means."""
