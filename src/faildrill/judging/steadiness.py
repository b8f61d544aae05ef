"""When all was steady again, by the record: as long at least, and whether a look says otherwise."""

from collections.abc import Iterator

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.proofs import limits
from faildrill.proofs.looks import SILENCE, Interval, Question
from faildrill.proofs.records import Heard
from faildrill.timeline import SteadyAgain


def not_before(evidence: Evidence, steady: SteadyAgain) -> int:
    """Return the ns from the last undo for which some probe was surely not good yet.

    Where no look says that one was not, it is what the run itself saw, unless nobody looked for a while.
    """
    undone = steady.since - nanoseconds(steady.after)
    spans = [(evidence.plans[name], one) for name, one in _asked(evidence, Interval(undone, steady.since))]
    bad = [last - undone for _, one in spans if (last := one.against_before(steady.since)) is not None]
    if bad:
        return max(bad)
    slow = {plan.name: evidence.slow(plan.name) for plan, _ in spans}
    blind = any(one.unproven > SILENCE * nanoseconds(plan.every) + slow[plan.name] for plan, one in spans)
    return 0 if blind else nanoseconds(steady.after)


def contradicted(evidence: Evidence, steady: SteadyAgain) -> str | None:
    """Say which probe was dark in the time in which all are said to have been good, or None.

    A run of an older version may say so of a service that hung: silence was taken for good there until its deadline.
    """
    hold = nanoseconds(evidence.drill.warm_up)
    for name, heard in _asked(evidence, Interval(steady.since, steady.since + hold)):
        if heard.longest < hold:
            good = durations.show(seconds(heard.longest))
            return f"said to be steady, but looks prove that {name} was good for {good} at a time at the most"
    return None


def _asked(evidence: Evidence, span: Interval) -> Iterator[tuple[str, Heard]]:
    for name, plan in evidence.plans.items():
        slow = evidence.slow(name)
        looks = evidence.columns[name].between(span.since - limits.reach(plan), span.by + 1)
        yield name, Heard(looks, Question("ok"), slow, span)
