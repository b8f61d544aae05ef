"""YAML that a stranger wrote, as values that know their places: strict, every mistake where it stands."""
