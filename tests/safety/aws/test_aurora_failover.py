"""A failover of Aurora among liars: asked for once, seen by state and events, put back by one request."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from faildrill.acting.step import do
from faildrill.adapters.aws.aurora_failover import AuroraFailover
from faildrill.adapters.aws.call_outcomes import Unknown
from faildrill.adapters.aws.identity import Identity
from faildrill.adapters.aws.probes import Redundancy, Writer
from faildrill.adapters.aws.target import Account
from faildrill.clock import SystemClock
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.ports.target import KindUse
from faildrill.record.samples import Outcome
from faildrill.record.timeline import Intended, Timeline
from safety.aws.rds_api import Answer, Lies, Rds, on_a_loop, served
from support.liars.course import Went, go

GIVEN: Final = CallContext("r", timeout=4.0)


async def went(rds: Rds, folder: Path, **params: Any) -> Went:
    """Have the step done, held and put back by the engine."""
    (folder / "run").mkdir()
    async with served(rds) as account:
        params = {"aws": account.model_dump(mode="json"), "cluster": "payments", **params}
        use = KindUse(kind="aws.aurora_failover", params=params)

        async def moment() -> None:
            await asyncio.sleep(0.2)

        async def notices() -> bool:
            return rds.writer != "au1"

        return await go(Step(id="it", name="it", use=use, within=3.0, undo_within=6.0), folder / "run", moment, notices)


@on_a_loop
async def test_it_is_asked_for_once_seen_by_state_and_event_and_put_back_once(tmp_path: Path) -> None:
    rds = Rds()
    done = await went(rds, tmp_path)
    assert done.verdict == "PASSED", done.story
    assert rds.asked == [None, "au1"]
    assert rds.writer == "au1"
    for phase in (
        "FailoverDBCluster was accepted",
        "the API says that payments is failing-over, between",
        "event: Started cross AZ failover to DB instance: au2, dated between",
        "the API names au2 as the writer, between",
        "event: Completed failover to DB instance: au2, dated between",
        "au1 is back as a reader, between",
        "the API says that payments is available again, between",
    ):
        assert phase in done.story, done.story


@pytest.mark.parametrize("answer", ["500", "503", "closed", "half", "html", "login page", "drips"])
@on_a_loop
async def test_an_answer_that_is_lost_after_the_effect_is_one_failover_that_happened(
    answer: Answer, tmp_path: Path
) -> None:
    rds = Rds(lies=Lies(answer=answer))
    done = await went(rds, tmp_path, target="au2")
    assert done.verdict == "PASSED", done.story
    assert rds.asked == ["au2", "au1"]
    assert "whether it was done is open; looked for in the state and the events" in done.story
    assert "unknown → happened" in done.story


FALSE: Final = {
    "accepted and nothing done": (Lies(does=False), "before", "au1 is the writer, as before: no event tells"),
    "abandoned": (Lies(abandons=True), "before", "au1 is the writer, as before: Started cross AZ failover"),
    "came back": (
        Lies(comes_back=True),
        "before",
        "as before: Started cross AZ failover to DB instance: au2; Completed",
    ),
    "another than asked": (Lies(to="au3"), "others", "au3 is the writer, au1 was"),
    "no event": (Lies(events=False), "untold", "au2 is the writer, and no event tells of that"),
    "an API that is late": (Lies(is_stale=True), "untold", "au1 is the writer, as before: Started"),
    "somebody else's": (Lies(also=True), "others", "au3 is the writer, au1 was"),
    "refused": (Lies(answer="refused"), "before", "InvalidDBClusterStateFault"),
    "throttled": (Lies(answer="throttled"), "before", "Throttling"),
}


@pytest.mark.parametrize("case", FALSE)
@on_a_loop
async def test_what_is_no_failover_of_ours_never_counts_and_nobody_elses_is_undone(case: str, tmp_path: Path) -> None:
    lies, whose, words = FALSE[case]
    rds = Rds(lies=lies)
    async with served(rds) as account:
        params = {"aws": account.model_dump(mode="json"), "cluster": "payments", "target": "au2"}
        timeline = Timeline.create(tmp_path, SystemClock())
        use = KindUse(kind="aws.aurora_failover", params=params)
        done = await do(Step(id="it", name="it", use=use, within=1.5, undo_within=6.0), timeline, "r")
        timeline.close()
        assert done.outcome in ("not confirmed", "refused")
        assert words in done.because
        assert rds.asked == ["au2"]
        step = AuroraFailover(aws=account, cluster="payments", target="au2")
        [before] = [one.what.before for one in timeline.written if isinstance(one.what, Intended)]
        if whose in ("others", "untold"):
            with pytest.raises(ActionFailed, match=r"nothing was sent.* To put it back: aws rds failover-db-cluster"):
                await step.undo(before, GIVEN)
        if whose == "untold":
            with pytest.raises(CannotSee, match=r"by the last event|no event tells of that"):
                await step.found(before, GIVEN)
            assert rds.asked == ["au2"]
            return
        assert (await step.found(before, GIVEN)).whose == whose
        if whose != "others":
            await step.undo(before, GIVEN)
            assert (await step.restored(before, GIVEN)).holds
        assert rds.asked == ["au2", *(["au1"] if whose == "ours" else [])]


@on_a_loop
async def test_somebody_elses_failover_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    rds = Rds(lies=Lies(also=True))
    done = await went(rds, tmp_path)
    assert done.verdict == "UNSAFE", done.story
    assert "it was failed over 2 times" in done.story
    assert rds.asked == [None]


@on_a_loop
async def test_an_open_outcome_of_which_nothing_is_seen_stays_open_and_is_not_asked_for_again() -> None:
    rds = Rds(lies=Lies(answer="500", does=False))
    async with served(rds) as account:
        step = AuroraFailover(aws=account, cluster="payments")
        before = await step.capture(GIVEN)
        with pytest.raises(Unknown, match="an answer of 500"):
            await step.apply(before, CallContext("r", timeout=1.5))
    assert rds.asked == [None]


@on_a_loop
async def test_an_undo_waits_for_an_api_that_is_down_and_tells_the_command_where_it_stays_down() -> None:
    rds = Rds()
    async with served(rds) as account:
        step = AuroraFailover(aws=account, cluster="payments")
        before = await step.capture(GIVEN)
        rds.events.append((datetime.now(UTC) + timedelta(seconds=1), "Completed failover to DB instance: au2"))
        rds.writer, rds.down = "au2", True
        asyncio.get_running_loop().call_later(0.7, lambda: setattr(rds, "down", False))
        await step.undo(before, CallContext("r", timeout=8.0))
        assert rds.asked == ["au1"]
        assert (await step.restored(before, GIVEN)).holds
        rds.writer, rds.down = "au2", True
        command = "aws rds failover-db-cluster --region eu-central-1 --db-cluster-identifier payments"
        with pytest.raises(ActionFailed, match=f"nothing was sent: .*503.* To put it back: {command}"):
            await step.undo(before, CallContext("r", timeout=1.0))
        assert rds.asked == ["au1"]


def _change(rds: Rds, **to: Any) -> None:
    for name, value in to.items():
        setattr(rds, name, value)


@pytest.mark.parametrize(
    ("there", "params", "because"),
    [
        ({"names": ("au1",)}, {}, "nobody could take over from au1 now: it is the only member"),
        ({"statuses": {"au2": "rebooting", "au3": "creating"}}, {}, "nobody could take over .* au2 rebooting"),
        ({"status": "failing-over"}, {}, "payments is failing-over"),
        ({"status": "a-new-word"}, {}, "payments is a-new-word"),
        ({"writer": ""}, {}, "no single writer"),
        ({"tags": {}}, {}, "does not carry the tag faildrill=staging"),
        ({"tags": {"faildrill": "production"}}, {}, "faildrill is 'production'"),
        ({"account": "999999999999"}, {}, "is another one: its ARN is"),
        ({}, {"target": "au1"}, "staging/payments/au1 is the writer already"),
        ({}, {"target": "au9"}, "au9 is no instance of staging/payments; there is au1, au2, au3"),
        ({"statuses": {"au2": "creating"}}, {"target": "au2"}, "au2 could not take over: au2 creating"),
    ],
)
@on_a_loop
async def test_what_would_prove_nothing_or_hurt_is_refused_and_nothing_is_sent(
    there: dict[str, Any], params: dict[str, Any], because: str
) -> None:
    rds = Rds()
    _change(rds, **there)
    async with served(rds) as account:
        with pytest.raises(ActionRefused, match=because):
            await AuroraFailover(aws=account, cluster="payments", **params).capture(GIVEN)
    assert rds.asked == []


@on_a_loop
async def test_a_plan_names_writer_heir_and_spares_and_changes_nothing() -> None:
    rds = Rds()
    async with served(rds) as account:
        plan = await AuroraFailover(aws=account, cluster="payments").preview(GIVEN)
    assert plan.touches == ["staging/payments/au1", "staging/payments/au2"]
    assert plan.spares == ["staging/payments/au2", "staging/payments/au3"]
    assert set(rds.calls) == {"DescribeDBClusters", "DescribeDBInstances", "DescribeEvents"}


@on_a_loop
async def test_the_probes_tell_who_writes_and_what_is_missing_and_nothing_of_a_silent_api() -> None:
    rds = Rds()
    async with served(rds) as account:
        writer, redundancy = Writer(aws=account, cluster="payments"), Redundancy(aws=account, cluster="payments")
        assert (await writer.look(GIVEN))[:3] == (Outcome.OK, "au1", "")
        assert (await redundancy.look(GIVEN))[:3] == (Outcome.OK, "au1", "")
        rds.statuses = {"au2": "rebooting"}
        assert (await redundancy.look(GIVEN))[:3] == (Outcome.WRONG, "au1", "au2 rebooting")
        rds.writer = ""
        assert (await writer.look(GIVEN)).outcome is Outcome.WRONG
        rds.down = True
        assert (await writer.look(CallContext("r", timeout=1.0))).outcome is Outcome.BROKEN
        assert (await redundancy.look(CallContext("r", timeout=1.0))).outcome is Outcome.BROKEN


@on_a_loop
async def test_the_identity_is_the_account_by_sts_and_the_cluster_by_arn_and_tag() -> None:
    rds = Rds()
    async with served(rds) as account:
        guard = Identity(aws=account)
        assert await guard.objection(GIVEN) is None
        rds.tags = {"faildrill": "production"}
        assert "does not carry the tag" in str(await guard.objection(GIVEN))
        rds.tags, rds.account = {"faildrill": "staging"}, "999999999999"
        told = await guard.ask_again(GIVEN)
        assert ["is another one" in line for line in told.differs] == [True, True]
        rds.down = True
        silent = await guard.ask_again(CallContext("r", timeout=1.0))
        assert (silent.proved, silent.differs, len(silent.silent)) == ([], [], 2)


def _account(**more: Any) -> Account:
    given = {"name": "s", "account": "123456789012", "region": "eu-central-1", "tag": {"a": "b"}, "db_clusters": ["p"]}
    return Account.model_validate({**given, **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "give a `profile`, or"),
        ({"access_key_id": "env:A"}, "belong together"),
        ({"profile": "p", "session_token": "env:A"}, "belongs to an `access_key_id`"),
        ({"profile": "p", "region": "cn-north-1"}, "write `partition: aws-cn`"),
        ({"profile": "p", "role": "arn:aws-cn:iam::123456789012:role/r"}, "of another partition"),
        ({"profile": "p", "endpoint_url": "http://10.0.0.1:5000"}, "is not of this machine"),
        ({"profile": "p", "account": "12345"}, "String should match"),
        ({"profile": "p", "tag": {}}, "at least 1"),
    ],
)
def test_an_account_that_is_declared_wrong_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _account(**more)


def test_a_cluster_that_is_not_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="'other' is none of the db_clusters of s: p"):
        Writer(aws=_account(profile="p"), cluster="other")
