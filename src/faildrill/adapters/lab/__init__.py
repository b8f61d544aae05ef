"""The embedded lab: its members, reached through its supervisor."""
