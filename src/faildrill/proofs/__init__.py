"""What looks prove, and every question that is asked of it: waits, warm-up, steadiness, aborts, claims.

    limits      from when on silence is darkness, and an answer late
    looks       what one look proves: a moment of life or of darkness within an interval; what it says to each word
    streaks     for how long looks have been saying the same, while they come in
    look_schedule  which looks were due, and of which nobody has heard: while they come in, and of a whole record

Pure: samples in, answers out. docs/judging.md is the specification, sentence by sentence.
"""
