"""The calendar: when a place may be drilled."""
