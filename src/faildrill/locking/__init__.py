"""Who may drill a place: locks, marks of runs that are not put back, the switch that stops all."""
