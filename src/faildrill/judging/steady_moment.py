"""When all was steady again, by the record: as long at least, and whether a look says otherwise."""

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.proofs.looks import Interval, Question
from faildrill.record.timeline import SteadyAgain


def not_before(evidence: Evidence, steady: SteadyAgain) -> int:
    """Return the ns from the last undo for which some probe was surely not good yet.

    Where no look says that one was not, it is what the run itself saw, unless nobody looked for a while.
    """
    undone = steady.since - nanoseconds(steady.after)
    asked = [evidence.heard(name, Question("ok"), Interval(undone, steady.since)) for name in evidence.plans]
    bad = [last - undone for heard in asked if (last := heard.against_before(steady.since)) is not None]
    if bad:
        return max(bad)
    blind = any(heard.blind for heard in asked)
    return 0 if blind else nanoseconds(steady.after)


def contradicted(evidence: Evidence, steady: SteadyAgain) -> str | None:
    """Say which probe was dark in the time in which all are said to have been good, or None.

    A run of an older version may say so of a service that hung: silence was taken for good there until its deadline.
    """
    hold = nanoseconds(evidence.drill.warm_up)
    for name in evidence.plans:
        longest = evidence.heard(name, Question("ok"), Interval(steady.since, steady.since + hold)).longest
        if longest < hold:
            good = durations.show(seconds(longest))
            return f"said to be steady, but looks prove that {name} was good for {good} at a time at the most"
    return None
