"""What a run is remembered by: the outage after its fault, the one of putting back, and what became of writes."""

from collections.abc import Iterable
from typing import Final

from faildrill import durations
from faildrill.clock import seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.outages.spans import FAULT, PUTTING_BACK, hidden, span
from faildrill.judging.result import Headline, Outage, ProbeFigures, Writes

_PROMISES: Final = ("errors", "latency", "error_budget", "flaps")
"""Expectations, besides `outage`, of what users notice."""
_LIMITS: Final = {FAULT: ("whole", "during", FAULT), PUTTING_BACK: ("whole", "during", PUTTING_BACK)}
"""By what an outage followed, what a limit on it may be about."""


def headline(evidence: Evidence, probes: list[ProbeFigures]) -> Headline | None:
    """Return the headline of a run; None where nobody looked at what stands for the users.

    That is what the drill promises an outage of at most, else what it promises anything else of that users notice,
    else its load; where it says nothing of users, what it looks at itself first. Where nothing was done the longest
    outage of the whole run stands in it.
    """
    looked = [figures for figures in _users(evidence, probes) if figures.looks]
    if not looked:
        return None
    done = bool(evidence.faults)
    outages = [dark for figures in looked for dark in figures.outages]
    outage = longest(dark for dark in outages if dark.followed == FAULT or not done)
    failback = longest(dark for dark in outages if dark.followed == PUTTING_BACK)
    probe = outage.probe if outage is not None else looked[0].probe
    return Headline(
        probe=probe,
        outage=outage,
        allowed=_limit(evidence, probe, FAULT),
        failback_probe=failback.probe if failback is not None else probe,
        failback=failback,
        failback_allowed=_limit(evidence, failback.probe if failback is not None else probe, PUTTING_BACK),
        was_put_back=evidence.put_back_at is not None,
        unproven=_unproven(evidence, probe, FAULT),
        failback_unproven=_unproven(evidence, failback.probe if failback is not None else probe, PUTTING_BACK),
        writes=writes(evidence),
    )


def _unproven(evidence: Evidence, probe: str, followed: str) -> float:
    """Return for how long an outage could have hidden in a part of the run; one that goes on into it hides none."""
    time = span(evidence, followed if evidence.faults else "whole")
    if time is None:
        return 0.0
    outages = evidence.outages(probe, evidence.hold(probe))
    earlier = [outage for outage in outages if outage.first_dark < time[0]]
    return seconds(hidden(evidence, evidence.darkness(probe), time, earlier, outages))


def longest(outages: Iterable[Outage]) -> Outage | None:
    """Return the outage that lasted longest: one whose end was not seen, else the one that is proven to."""
    return max(outages, key=_weight, default=None)


def _weight(one: Outage) -> tuple[bool, float, float]:
    return one.length.at_most is None, one.length.at_least, one.length.at_most or 0.0


def writes(evidence: Evidence) -> list[Writes]:
    """Tell of every ledger what became of its writes, by the worst of the nodes that take writes."""
    written = []
    for name, nodes in evidence.ledgers.items():
        writers = [node for node in nodes.values() if node.writer and not node.unreadable]
        if not writers:
            written.append(Writes(probe=name, was_read=False))
            continue
        worst = max(writers, key=lambda one: one.lost)
        written.append(
            Writes(
                probe=name,
                acknowledged=worst.acknowledged,
                lost=worst.lost,
                duplicated=max(writer.duplicated for writer in writers),
                phantom=max(writer.phantom for writer in writers),
            )
        )
    return written


def _users(evidence: Evidence, probes: list[ProbeFigures]) -> list[ProbeFigures]:
    drill = evidence.drill
    limited = [str(use.params.get("of")) for use in drill.expect if use.kind == "outage"]
    promised = [str(use.params.get("of")) for use in drill.expect if use.kind in _PROMISES]
    load = [plan.name for plan in drill.load]
    own = [plan.name for plan in drill.probes if plan.by != "environment"]
    for names in (limited, promised, load, own[:1]):
        of_users = [probe for probe in probes if probe.probe in names]
        if of_users:
            return of_users
    return probes


def _limit(evidence: Evidence, probe: str, followed: str) -> float | None:
    """Return the strictest time that the drill allows an outage of a probe that followed this; None: it says none."""
    uses = [use.params for use in evidence.drill.expect if use.kind == "outage" and use.params.get("of") == probe]
    about = [use for use in uses if use.get("when", "whole") in _LIMITS[followed]]
    return min(
        (limit for params in about if (limit := durations.of_data(params.get("at_most"))) is not None), default=None
    )
