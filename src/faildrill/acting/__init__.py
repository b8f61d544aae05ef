"""Do and undo: the life of one step, with its intent on disk before its effect."""
