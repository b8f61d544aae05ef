"""What a drill reports is what others saw: HAProxy in its own log, Patroni in its own history."""

import json
import re
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from lab.conftest import Drilled
from lab.drilling import Ran
from lab.kinds_here import environment

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

EDGE = timedelta(milliseconds=20)
"""HAProxy notes milliseconds, from another process."""
_LINE = re.compile(
    r"\[(?P<at>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] payments payments/\S+ "
    r"-?\d+/-?\d+/-?\d+/-?\d+/\+?(?P<took>\d+) (?P<status>-?\d+) "
)


class Paid(NamedTuple):
    """One good answer, as HAProxy noted it."""

    accepted: datetime
    answered: datetime


def paid(lab: Facts, since: datetime) -> list[Paid]:
    """Read every payment that was answered with 201 from HAProxy's log."""
    found = []
    for line in (lab.logs / "haproxy.log").read_text(errors="replace").splitlines():
        match = _LINE.search(line)
        if match and match["status"] == "201":
            at = datetime.strptime(match["at"], "%d/%b/%Y:%H:%M:%S.%f").astimezone()
            if at >= since:
                found.append(Paid(at, at + timedelta(milliseconds=int(match["took"]))))
    return found


def promoted(place: Environment, node: str) -> datetime:
    """Ask Patroni when its last timeline began."""
    with urllib.request.urlopen(f"{place.of(Cluster)['payments'].members[node].api}/history", timeout=5) as answer:  # noqa: S310
        history = json.loads(answer.read())
    return datetime.fromisoformat(history[-1][3])


def longest(ran: Ran, probe: str) -> dict[str, Any]:
    """Return the longest outage of a probe."""
    [figures] = [one for one in ran.result["probes"] if one["probe"] == probe]
    found: dict[str, Any] = max(figures["outages"], key=lambda one: one["length"]["at_least"])
    return found


@pytest.mark.parametrize("drill", ["postgres-primary-crash", "postgres-switchover"])
def test_the_bounds_and_phases_of_a_failover_are_what_haproxy_and_patroni_wrote_down(
    drill: str, steady_lab: Facts, drilled: Drilled
) -> None:
    ran = drilled(Path(f"drills/{drill}.yaml"))
    assert ran.code == 0, ran.said
    started = datetime.fromisoformat(ran.result["started"])
    outage = longest(ran, "pay")
    at = {
        name: started + timedelta(seconds=outage[name])
        for name in ("last_good", "first_dark", "last_dark", "first_good")
    }
    good = paid(steady_lab, started)

    inside = [one for one in good if one.accepted > at["first_dark"] + EDGE and one.answered < at["last_dark"] - EDGE]
    # None was served while it was surely dark, but for those whose answer was too late for the probe.
    assert len(inside) <= outage["looks"].get("slow", 0) or outage.get("stretches", 1) > 1
    assert any(abs(one.accepted - at["last_good"]) < EDGE for one in good)
    assert any(abs(one.answered - at["first_good"]) < EDGE for one in good)

    phases = outage["phases"]
    # In an outage of several stretches the first good look ends the first of them, maybe before anybody noticed.
    ordered = [name for name in phases if name != "first_good" or outage.get("stretches", 1) == 1]
    assert ordered == sorted(ordered, key=phases.__getitem__)
    assert {"first_dark", "detected", "new_writer", "first_good", "stable"} == set(phases)
    fault = at["first_dark"] - timedelta(seconds=phases["first_dark"])
    if drill == "postgres-primary-crash":  # a switchover is followed by the one that puts it back
        [figures] = [one for one in ran.result["probes"] if one["probe"] == "writer"]
        new = promoted(environment(steady_lab), new_writer(ran))
        assert fault < new
        assert fault + timedelta(seconds=phases["detected"]) - timedelta(seconds=2) < new
        assert new - timedelta(seconds=figures["every"]) < fault + timedelta(seconds=phases["new_writer"])
        assert fault + timedelta(seconds=phases["new_writer"]) < new + timedelta(seconds=3)
        assert new < at["first_good"]


def new_writer(ran: Ran) -> str:
    """Return who wrote after the drill's fault, as its story tells."""
    told = [re.search(r"writer sees (pg\d)", one["text"]) for one in ran.result["moments"]]
    return next(one.group(1) for one in told if one)
