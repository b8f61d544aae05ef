"""When game days are due, what becomes of each occurrence, and that none is run twice or missed without a word.

Whatever calls it is no part of it: a tick looks at the clock and at what was recorded, does what is due, and ends.
"""
