"""What became of drills over time: an index of the folders of runs, trends on intervals, and what was last proven.

Everything here is derived from the folders of runs and can be rebuilt from them; nothing here changes a verdict.
"""
