"""What is put back, and what is left as it is: judged by state and events right before the request."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

import pytest

from faildrill.adapters.aws.aurora_cluster import Node, Sight, sighted
from faildrill.adapters.aws.aurora_failover import AuroraFailover
from faildrill.adapters.aws.failover_phases import Phases
from faildrill.adapters.aws.rds_events import Event
from faildrill.adapters.aws.whose_failover import judged
from faildrill.errors import ActionFailed, CannotSee
from faildrill.kinds.call_context import CallContext
from safety.aws.rds_api import ACCOUNT, Rds, account, on_a_loop, served

GIVEN: Final = CallContext("r", timeout=4.0)
NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
STARTED, TO_2, TO_3, BACK = (
    "Started cross AZ failover to DB instance: au2",
    "Completed failover to DB instance: au2",
    "Completed failover to DB instance: au3",
    "Completed failover to DB instance: au1",
)


def seen(writer: str, *told: str, names: tuple[str, ...] = ("au1", "au2", "au3"), at: datetime = NOW) -> Sight:
    """A look at a cluster, with the events that are told a second later each."""
    return Sight(
        {name: Node(name, "available", name == writer, resource=f"db-{name}") for name in names},
        cluster="payments",
        status="available",
        arn=f"arn:aws:rds:eu-central-1:{ACCOUNT}:cluster:payments",
        resource="cluster-P",
        tags={"faildrill": "staging"},
        date=format_datetime(at, usegmt=True),
        asked=1,
        answered=2,
        events=tuple(Event((at + timedelta(seconds=n)).isoformat(), one) for n, one in enumerate(told)),
    )


BEFORE: Final = seen("au1").as_data()
JUDGED: Final = {
    "ours": (seen("au2", STARTED, TO_2), None, "", ""),
    "as before": (seen("au1"), None, "", ""),
    "put back": (seen("au1", TO_2, BACK), None, "", ""),
    "completed twice": (seen("au3", TO_2, TO_3), None, "failed over 2 times", ""),
    "begun twice": (seen("au2", STARTED, TO_2, STARTED), None, "failed over 2 times", ""),
    "to another one than the event's": (seen("au3", TO_2), None, "the last event tells of a failover to au2", "au2 by"),
    "to another one than was asked for": (seen("au3", TO_3), "au2", "which this step has not asked for", ""),
    "no event": (seen("au2"), None, "", "no event tells of that"),
    "begun only": (seen("au2", STARTED), None, "", "no event tells of that"),
    "a stale API": (seen("au1", TO_2), None, "", "au1 is the writer by the API, au2 by the last event"),
    "another cluster": (replace(seen("au2", TO_2), resource="cluster-Q"), None, "payments is another one: clust", ""),
    "not tagged any more": (replace(seen("au2", TO_2), tags={}), None, "does not carry the tag", ""),
}


@pytest.mark.parametrize("case", JUDGED)
def test_whose_the_writer_is_follows_from_state_and_events(case: str) -> None:
    sight, target, others, untold = JUDGED[case]
    found = judged(sight, BEFORE, target, account(1))
    assert others in "; ".join(found.others)
    assert bool(others) is bool(found.others)
    assert untold in found.untold
    assert bool(untold) is bool(found.untold)


def test_events_that_are_gone_prove_nothing() -> None:
    with pytest.raises(CannotSee, match="RDS keeps events for 14 days"):
        judged(seen("au1", at=NOW + timedelta(days=14)), BEFORE, None, account(1))


def test_an_instance_that_is_gone_is_missed() -> None:
    assert seen("au1", names=("au1", "au2")).lost(BEFORE) == ["au3 is gone"]


def test_what_is_written_down_of_known_events_does_not_grow_for_two_weeks() -> None:
    sight = seen("au1", TO_2)
    old = Event((NOW - timedelta(days=3)).isoformat(), TO_3)
    assert replace(sight, events=(old, *sight.events)).as_data()["events"] == [[NOW.isoformat(), TO_2]]


def test_the_writer_that_is_told_is_the_one_that_was_seen_and_none_where_nobody_was() -> None:
    phases = Phases("au1", 0)
    phases.take(seen("au1"), [])
    assert phases.to == ""
    phases.take(seen("au1"), list(seen("au1", TO_2).events))
    assert phases.to == "au2"
    phases.take(seen("au3"), list(seen("au1", TO_2).events))
    assert phases.to == "au3"


class Slow(Rds):
    """An API that tells of instances later than of the cluster."""

    async def _answer(self, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if asked["Action"] == "DescribeDBInstances":
            await asyncio.sleep(0.4)
        await super()._answer(asked, writer)


@on_a_loop
async def test_a_look_lasts_from_its_first_question_to_its_last_answer() -> None:
    async with served(Slow()) as api:
        sight = await sighted(api, "payments", 4.0)
    assert sight.answered - sight.asked >= 400_000_000


def told(rds: Rds, hours: float, *messages: str) -> None:
    """Have events told of so many hours ago."""
    rds.events += [(datetime.now(UTC) - timedelta(hours=hours), one) for one in messages]


OTHERS: Final[dict[str, tuple[dict[str, Any], tuple[str, ...], str]]] = {
    "two hours later": ({"writer": "au3"}, (STARTED, TO_2, STARTED, TO_3), "failed over 2 times"),
    "a late event": ({"writer": "au3"}, (TO_2,), "the last event tells of a failover to au2"),
    "another cluster": ({"writer": "au2", "resource": "cluster-Q"}, (TO_2,), "is another one: cluster-Q"),
    "not tagged": ({"writer": "au2", "tags": {}}, (TO_2,), "does not carry the tag"),
}


@pytest.mark.parametrize("case", OTHERS)
@on_a_loop
async def test_an_undo_sends_nothing_over_what_is_somebody_elses_whoever_has_compared_before(case: str) -> None:
    there, events, words = OTHERS[case]
    rds = Rds()
    async with served(rds) as api:
        step = AuroraFailover(aws=api, cluster="payments")
        before = await step.capture(GIVEN)
        before = {**before, "date": format_datetime(datetime.now(UTC) - timedelta(hours=3), usegmt=True)}
        told(rds, 2, *events)
        for name, value in there.items():
            setattr(rds, name, value)
        with pytest.raises(ActionFailed, match=f"nothing was sent, because somebody else has changed it: .*{words}"):
            await step.undo(before, GIVEN)
        assert (await step.found(before, GIVEN)).whose == "others"
    assert rds.asked == []


@on_a_loop
async def test_an_undo_to_a_writer_that_is_gone_fails_at_once_and_says_so() -> None:
    rds = Rds()
    async with served(rds) as api:
        step = AuroraFailover(aws=api, cluster="payments")
        before = await step.capture(GIVEN)
        told(rds, -0.01, TO_2)
        rds.writer, rds.names = "au2", ("au2", "au3")
        gone = "au1 is gone from payments: create it again, and then aws rds failover-db-cluster"
        with pytest.raises(ActionFailed, match=f"nothing was sent: {gone}"):
            await step.undo(before, CallContext("r", timeout=600.0))
        assert gone in (await step.found(before, GIVEN)).remedy
    assert rds.asked == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, f" (by a login of account {ACCOUNT})"),
        ({"profile": "drills", "access_key_id": None, "secret_access_key": None}, " --profile drills"),
        ({"role": f"arn:aws:iam::{ACCOUNT}:role/r"}, f" (as arn:aws:iam::{ACCOUNT}:role/r)"),
    ],
)
@on_a_loop
async def test_the_command_of_a_remedy_says_who_has_to_give_it(more: dict[str, Any], words: str) -> None:
    step = AuroraFailover(aws=account(1, **more), cluster="payments")
    assert step._remedy({"writer": "au1"}).endswith(words)
