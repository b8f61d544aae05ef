"""A step that only the one who was asked says is put back is put back where a probe noticed its end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Result, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import END, FAULT, Run, intended, ns, probe, ticks
from unit.judging.test_noticed_steps import OUTAGE, SEEN, answering, drained

BACK = 15.9
"""When it was said to be put back."""


def said_back(run: Run, word_of: str = "haproxy", times: int = 1) -> Run:
    """Have nobody but the one who was asked say that it is put back, and count so often."""
    steps = [one.step for _, one in run.events if isinstance(one, tl.UndoVerified)]
    run.without(tl.UndoVerified)
    backs = (tl.UndoVerified(step=one, because="s1 ready", word_of=word_of, times=times) for one in steps)
    return run.but(BACK, *backs)


def answered(*after: str, meanwhile: tuple[str, ...] = ("s2",), moves: tuple[str, ...] = ("s1",)) -> Run:
    """A step that moves the share of s1, noticed by who answers; those of `after` answer since it is put back."""
    run = said_back(drained(moves=list(moves)))
    return answering(answering(run, SEEN, BACK, *meanwhile), BACK, END, *(after or ("s1", "s2")))


def with_the_next(run: Run, moves: str, begun: float = 9.0, word_of: str = "haproxy") -> Run:
    """Have another step on the word of the same one follow, which moves another share, or none that it names."""
    run.steps = [*run.steps, {**run.steps[0], "id": "next", "name": "the next"}]
    run.but(begun, intended("next"), tl.Applying(step="next"))
    named = [moves] if moves else []
    run.but(begun + 0.01, tl.Confirmed(step="next", because="done", word_of=word_of, moves=named))
    return run.but(15.2, tl.Undoing(step="next", by="runner"), tl.UndoVerified(step="next", because="as before"))


def undo_of(result: Result, name: str = "crash it") -> tuple[str, str]:
    found = next(one for one in result.findings if one.kind == "undo" and name in one.claim)
    return found.verdict, found.because


WITNESSED = (
    "**So it is of what is put back.** Where only the one who was asked can tell, a probe that noticed the step "
    "must notice its end, and the finding names it; else the finding is INCONCLUSIVE: nobody has seen it left on,"
    " and nobody has seen it put back."
)
NOTICED_END = (
    "A probe noticed the end if its looks since the last undo, or the last half, quarter or eighth of them, are "
    "not unlike those before the first step on the word of the same one, and are unlike those of the step (from "
    "when it was confirmed until something else was done or put back, or it was gone) by the same test; or if it "
    "failed for three looks, or was dark, until something was put back, all was good before the step, and all "
    "looks since are good."
)
NAMED_END = (
    "Where the step has named whose share it changes, and that share shows it, nothing else shows its end; one "
    "that got nothing at all meanwhile must answer three looks."
)
BOUND = (
    "Clients that are bound to another server since (a stick table, a connection that stays) look the same: where each "
    "had one server at a time the finding says so, and what to look by."
)
WELL_AGAIN = (
    "What was as before again while the step was still in effect shows nothing of its end: a standby took over behind "
    "a link that is cut."
)
STILL_UNLIKE = "So only what was unlike before in the last looks of the step counts, in as few of them as can tell."
EACH_ONE = "Each step must be noticed to end, and of a step that names several servers each that showed it."
TOGETHER = (
    "Those between which less than ten looks came are noticed together, and one that only puts right what another one "
    "changed is put back with it."
)
AGAINST = (
    "It is UNSAFE, and stays open for `faildrill recover`, if in the last half of the looks since the share that "
    "a step has named is still unlike before it, on the same side, or the median of the good answers (ten at "
    "least) is nearer to that of the step than to that before it, where that of the step is twice as long as "
    "before or longer."
)


@pytest.mark.says(WITNESSED)
@pytest.mark.says(NOTICED_END)
def test_an_end_that_a_probe_noticed_is_told_with_the_probe(tmp_path: Path) -> None:
    result = judge(answered().write(tmp_path))
    verdict, because = undo_of(result)
    assert (result.verdict, verdict) == (Verdict.PASSED, "PASSED")
    assert "s1 ready; pay noticed its end: s1 answered" in because


@pytest.mark.says(AGAINST)
@pytest.mark.parametrize(
    ("after", "meanwhile"), [(("s2",), ("s2",)), (("s1", "s2", "s2", "s2"), ("s1", "s2", "s2", "s2"))]
)
def test_a_server_that_is_said_to_be_ready_and_gets_nothing_is_not_put_back(
    after: tuple[str, ...], meanwhile: tuple[str, ...], tmp_path: Path
) -> None:
    result = judge(answered(*after, meanwhile=meanwhile).write(tmp_path))
    verdict, because = undo_of(result)
    assert (result.verdict, verdict) == (Verdict.UNSAFE, "UNSAFE")
    assert "haproxy says so, and probes say that it is not: pay: s1 answered" in because


@pytest.mark.says(AGAINST)
def test_what_was_put_back_more_often_than_asked_for_and_is_not_back_stays_unsafe(tmp_path: Path) -> None:
    run = said_back(answered("s2"), times=3)
    verdict, because = undo_of(judge(run.write(tmp_path)))
    assert verdict == "UNSAFE"
    assert "probes say that it is not: pay: s1 answered" in because
    assert "it was put back 3 times, and asked for once" in because


@pytest.mark.says(BOUND)
@pytest.mark.parametrize(("before", "is_told"), [(("s1",), True), (("s1", "s2"), False)])
def test_where_each_client_had_one_server_at_a_time_it_is_told_that_it_may_be_bound(
    before: tuple[str, ...], is_told: bool, tmp_path: Path
) -> None:
    """A stick table keeps users where they went, and so does the same socket that lies."""
    verdict, because = undo_of(judge(answering(answered("s2"), 0.4, FAULT, *before).write(tmp_path)))
    assert verdict == "UNSAFE"
    assert ("where it is bound to s2 since (a stick table, " in because) == is_told
    assert ("faildrill recover --settle ends it" in because) == is_told


@pytest.mark.says(WITNESSED)
def test_an_end_that_no_probe_could_notice_proves_nothing(tmp_path: Path) -> None:
    run = said_back(drained())
    run.saw(ticks(5.0, 5.06), Outcome.RESET)
    result = judge(run.write(tmp_path))
    verdict, because = undo_of(result)
    assert (result.verdict, verdict) == (Verdict.INCONCLUSIVE, "INCONCLUSIVE")
    assert "only the one who was asked (haproxy) says so: no probe was unlike before it any more" in because


@pytest.mark.says(NAMED_END)
def test_one_that_got_nothing_must_answer_again(tmp_path: Path) -> None:
    run = answered("s2")
    run.saw([16.0], Outcome.OK, who="s1")
    assert undo_of(judge(run.write(tmp_path / "once")))[0] == "UNSAFE"


@pytest.mark.says(NAMED_END)
def test_where_a_share_shows_the_step_the_end_of_slow_answers_shows_nothing(tmp_path: Path) -> None:
    slow = said_back(drained(moves=["s1"]))
    answering(answering(slow, SEEN, BACK, "s2", took=0.03), BACK, END, "s2")
    assert undo_of(judge(slow.write(tmp_path)))[0] == "UNSAFE"


@pytest.mark.says(NOTICED_END)
@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (
            lambda run: run.saw(ticks(5.0, 15.2), Outcome.RESET),
            "the last 3 looks failed before it was put back, and 205",
        ),
        (lambda run: run.saw(ticks(5.0, 15.0, 0.1), Outcome.RESET), "failed 0 of 155 before it, 100 of"),
        (lambda run: answering(run, SEEN, BACK, "s1", "s2", took=0.03), "slower 0 of 155 before it, 5"),
    ],
    ids=["failed until it was put back", "failed now and then", "slower"],
)
def test_whatever_noticed_a_step_may_notice_its_end(happens: Callable[[Run], Run], told: str, tmp_path: Path) -> None:
    verdict, because = undo_of(judge(happens(said_back(drained("in the path"), "in the path")).write(tmp_path)))
    assert verdict == "PASSED"
    assert told in because


@pytest.mark.says(WELL_AGAIN)
@pytest.mark.says(STILL_UNLIKE)
@pytest.mark.parametrize("recovered", [6.0, 9.0, 12.0, 14.5])
@pytest.mark.parametrize(
    "happens",
    [
        lambda run, until: run.saw(ticks(4.0, until, 0.04), Outcome.RESET),
        lambda run, until: answering(run, SEEN, until, "s1", "s2", took=0.03),
        lambda run, until: answering(run, SEEN, until, "s2"),
    ],
    ids=["failed now and then", "slower", "another one answered"],
)
def test_what_was_well_again_before_it_was_put_back_is_no_sight_of_its_end(
    happens: Callable[[Run, float], Run], recovered: float, tmp_path: Path
) -> None:
    """A standby took over behind the cut link: whether the link was healed afterwards, no look can tell."""
    run = happens(said_back(drained("in the path"), "in the path"), recovered)
    verdict, because = undo_of(judge(run.write(tmp_path)))
    assert verdict == "INCONCLUSIVE"
    assert "no probe" in because


@pytest.mark.says(WELL_AGAIN)
@pytest.mark.says(STILL_UNLIKE)
def test_what_was_well_again_before_something_else_was_done_is_no_sight_of_its_end(tmp_path: Path) -> None:
    """The looks that fail until the undo are those of the next step."""
    run = said_back(drained("in the path"), "in the path")
    run.steps = [*run.steps, {**run.steps[0], "id": "next", "name": "the next"}]
    run.but(12.0, intended("next"), tl.Applying(step="next"))
    run.but(12.2, tl.Confirmed(step="next", because="done"))
    run.but(15.2, tl.Undoing(step="next", by="runner"), tl.UndoVerified(step="next", because="as before"))
    run.saw(ticks(4.0, 8.0, 0.04), Outcome.RESET).saw(ticks(12.4, 14.9, 0.04), Outcome.RESET)
    assert undo_of(judge(run.write(tmp_path)))[0] == "INCONCLUSIVE"


@pytest.mark.says(NOTICED_END)
def test_one_that_goes_on_answering_too_late_is_not_good_since(tmp_path: Path) -> None:
    run = said_back(drained("in the path"), "in the path")
    answering(answering(run, SEEN, BACK, "s1", "s2", took=0.11), BACK, END, "s1", "s2", took=0.1)
    assert undo_of(judge(run.write(tmp_path)))[0] == "UNSAFE"


@pytest.mark.says(NOTICED_END)
def test_traffic_may_settle_late(tmp_path: Path) -> None:
    run = answering(answered(), BACK, 17.9, "s2")
    assert undo_of(judge(run.write(tmp_path)))[0] == "PASSED"


@pytest.mark.says(AGAINST)
@pytest.mark.parametrize(("took", "verdict"), [(0.1, "UNSAFE"), (0.01, "INCONCLUSIVE")])
def test_a_link_that_is_as_slow_as_it_was_made_is_not_put_back(took: float, verdict: str, tmp_path: Path) -> None:
    """Answers that are a little slower than before may have a reason of their own: that proves nothing."""
    run = said_back(drained("in the path", slow={"pay": 0.4}), "in the path")
    answering(answering(run, SEEN, BACK, "s1", "s2", took=0.11), BACK, END, "s1", "s2", took=took)
    assert undo_of(judge(run.write(tmp_path)))[0] == verdict


@pytest.mark.says(AGAINST)
def test_where_nobody_looked_until_it_was_steady_a_share_that_is_unlike_proves_nothing(tmp_path: Path) -> None:
    run = answered("s2").without(tl.SteadyAgain)
    assert undo_of(judge(run.write(tmp_path)))[0] == "INCONCLUSIVE"


@pytest.mark.says(TOGETHER)
def test_what_puts_right_what_another_step_changed_is_put_back_with_it(tmp_path: Path) -> None:
    run = with_the_next(drained(moves=["s1"]), "s1")
    result = judge(answering(said_back(run), SEEN, 9.0, "s2").write(tmp_path))
    assert [undo_of(result, name)[0] for name in ("crash it", "the next")] == ["PASSED", "PASSED"]


@pytest.mark.says(EACH_ONE)
@pytest.mark.parametrize("begun", [SEEN, 9.0], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("after", "verdicts"),
    [(("s1", "s2", "s3"), ["PASSED", "PASSED"]), (("s1", "s3"), ["INCONCLUSIVE", "INCONCLUSIVE"])],
    ids=["both are back", "one is not back"],
)
def test_of_two_drains_each_end_must_be_noticed(
    begun: float, after: tuple[str, ...], verdicts: list[str], tmp_path: Path
) -> None:
    """Of six looks, s1 has its three at once: that s2 has none may be chance, and proves nothing."""
    run = with_the_next(drained(moves=["s1"]), "s2", begun)
    answering(run, 0.4, FAULT, "s1", "s2", "s3")
    answering(said_back(run), SEEN, begun, "s2", "s3")
    answering(answering(run, begun, BACK, "s3"), BACK, END, *after)
    few = ns(BACK + 0.02 * 3 * len(after))
    run.samples["pay"] = [one for one in run.samples["pay"] if one.due < few]
    result = judge(run.write(tmp_path))
    assert undo_of(result, "the next")[0] == verdicts[1]
    assert undo_of(result, "crash it")[0] == "PASSED"


@pytest.mark.says(EACH_ONE)
@pytest.mark.parametrize(("after", "verdict"), [(("s1", "s2", "s3"), "PASSED"), (("s1", "s3"), "INCONCLUSIVE")])
def test_of_two_servers_that_one_step_drains_each_must_answer_again(
    after: tuple[str, ...], verdict: str, tmp_path: Path
) -> None:
    run = said_back(drained(moves=["s1", "s2"]))
    answering(answering(run, 0.4, FAULT, "s1", "s2", "s3"), SEEN, BACK, "s3")
    answering(run, BACK, END, *after)
    few = ns(BACK + 0.02 * 3 * len(after))
    run.samples["pay"] = [one for one in run.samples["pay"] if one.due < few]
    assert undo_of(judge(run.write(tmp_path)))[0] == verdict


@pytest.mark.says(EACH_ONE)
def test_of_two_cut_links_each_end_must_be_noticed(tmp_path: Path) -> None:
    """The second one was not noticed at all, so that nobody knows whether it is put back."""
    run = with_the_next(drained("in the path"), "", 9.0, "in the path")
    run.saw(ticks(4.0, 8.9), Outcome.RESET)
    result = judge(said_back(run, "in the path").write(tmp_path))
    assert [undo_of(result, name)[0] for name in ("crash it", "the next")] == ["INCONCLUSIVE", "INCONCLUSIVE"]


@pytest.mark.says(TOGETHER)
def test_what_is_done_together_is_noticed_together(tmp_path: Path) -> None:
    """Hardly a look came between the two: they are one thing to all who looked."""
    run = with_the_next(drained("in the path"), "", SEEN, "in the path")
    run.saw(ticks(SEEN, 15.2), Outcome.RESET)
    result = judge(said_back(run, "in the path").write(tmp_path))
    assert [undo_of(result, name)[0] for name in ("crash it", "the next")] == ["PASSED", "PASSED"]


@pytest.mark.says(NAMED_END)
def test_a_database_that_is_led_by_another_node_since_says_nothing_of_the_weights(tmp_path: Path) -> None:
    run = answered("s1", "s2")
    run.probes = [*run.probes, probe("writer", 0.1)]
    run.saw(ticks(0.4, 9.0, 0.1), Outcome.OK, name="writer", who="pg1")
    run.saw(ticks(9.0, END, 0.1), Outcome.OK, name="writer", who="pg2")
    verdict, because = undo_of(judge(run.write(tmp_path)))
    assert (verdict, because.partition("; ")[2][:23]) == ("PASSED", "pay noticed its end: s1")


@pytest.mark.says(WITNESSED)
def test_what_others_see_put_back_as_well_needs_no_probe(tmp_path: Path) -> None:
    run = said_back(drained(""), "").saw(ticks(5.0, 5.06), Outcome.RESET)
    assert judge(run.write(tmp_path)).verdict is Verdict.PASSED


@pytest.mark.says(NOTICED_END)
def test_what_another_probe_of_the_same_one_says_is_its_own_word(tmp_path: Path) -> None:
    servers = probe("servers", 0.1, "haproxy.servers")
    run = Run(expect=[OUTAGE], probes=[probe(), servers]).usual().without(tl.Confirmed)
    run.but(SEEN, tl.Confirmed(step="crash", because="s1 drains", word_of="haproxy")).good().good("servers", 0.1)
    run.saw(ticks(FAULT + 1, FAULT + 1.06), Outcome.RESET)
    run.saw(ticks(SEEN, 15.4, 0.1), Outcome.WRONG, name="servers")
    verdict, because = undo_of(judge(said_back(run).write(tmp_path)))
    assert verdict == "INCONCLUSIVE"
    assert "servers" not in because
