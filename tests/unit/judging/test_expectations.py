"""Each expectation: when it holds, when it is broken, and when nobody can tell."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.kinds import build
from faildrill.ports.target import KindUse
from faildrill.record import timeline as tl
from faildrill.record.samples import SEEN_LATE, Outcome
from unit.judging.runs import END, FAULT, Run, ns, probe, ticks

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def run(kind: str, *, every: float = 0.02, who: str = "", **params: object) -> Run:
    looks = "patroni.writer" if kind == "writers" else "http.request"
    made = Run(expect=[{kind: {"of": "pay", **params}}], probes=[probe(every=every, kind=looks)])
    return made.usual().good(every=every, who=who)


def weighed(made: Run, folder: Path) -> Finding:
    return judge(made.write(folder)).findings[0]


# outage


@pytest.mark.says(
    "| `outage: {of, at_most, hold?, when?}` | some outage lasted at least longer than the limit; any, where the "
    "limit is `0s` | every outage at most as long, with what the hold can hide; and none so long can hide where "
    "nothing was seen | the start or the end of an outage, or its hold time after, was not seen (the last only where "
    "darkness until the looking ended would break the limit) |"
)
@pytest.mark.says(
    "A limit below *at least* is FAILED; a limit of *at most* or more, with what the hold can hide, is PASSED."
)
@pytest.mark.parametrize(
    ("limit", "verdict"), [("2900ms", FAILED), ("3s", INCONCLUSIVE), ("3100ms", INCONCLUSIVE), ("5100ms", PASSED)]
)
def test_an_outage_is_weighed_against_its_bounds(limit: str, verdict: Verdict, tmp_path: Path) -> None:
    found = weighed(run("outage", at_most=limit).saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED), tmp_path)
    assert found.verdict is verdict
    assert "at least 2.978 s, at most 3.022 s" in found.because


@pytest.mark.says("Between the two nobody can tell: INCONCLUSIVE, and the finding says how fast to probe to decide.")
def test_a_limit_between_the_bounds_says_how_fast_to_probe(tmp_path: Path) -> None:
    found = weighed(run("outage", at_most="3s").saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED), tmp_path)
    assert found.advice == "probe pay every 5 ms or faster to decide"


@pytest.mark.says("A limit shorter than that is INCONCLUSIVE.")
@pytest.mark.says(
    "| INCONCLUSIVE | the drill proves nothing: an action was refused or failed, its effect was not seen, too few "
    "looks, a limit finer than the looks can tell, no data | 4 |"
)
def test_a_limit_finer_than_the_probe_can_tell_is_inconclusive_even_if_all_looks_are_good(tmp_path: Path) -> None:
    """Polling every two seconds can't prove an outage of at most one."""
    found = weighed(run("outage", every=1.0, at_most="1s"), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "could hide" in found.because
    assert found.advice == "probe pay every 200 ms or faster"


def test_looks_that_are_all_good_and_close_enough_hold(tmp_path: Path) -> None:
    found = weighed(run("outage", at_most="100ms"), tmp_path)
    assert (found.verdict, found.because) == (
        PASSED,
        "no look proves pay dark; no outage over 22 ms can hide between looks",
    )


@pytest.mark.says("A limit of `0s` is broken by any dark look, also by an outage of at least nothing.")
def test_a_limit_of_nothing_is_broken_by_a_single_dark_look(tmp_path: Path) -> None:
    assert weighed(run("outage", at_most="0s").saw([6.0], Outcome.REFUSED), tmp_path).verdict is FAILED


@pytest.mark.says(
    "**Recovered means good for a hold time** (1 s, or the expectation's `hold`): darkness that is seen again before "
    "life is proven for so long is the same outage, and the finding says of how many stretches."
)
def test_flapping_is_one_outage(tmp_path: Path) -> None:
    flapping = [at for at in ticks(FAULT, FAULT + 5) if round(at / 0.02) % 10 < 3]
    made = run("outage", at_most="4s").saw(flapping, Outcome.REFUSED)
    found = weighed(made, tmp_path / "held")
    assert found.verdict is FAILED
    assert "in 25 stretches, never good for 1 s between" in found.because
    assert (
        weighed(run("outage", at_most="4s", hold="0s").saw(flapping, Outcome.REFUSED), tmp_path / "strict").verdict
        is PASSED
    )


@pytest.mark.says(
    "| `outage: {of, at_most, hold?, when?}` | some outage lasted at least longer than the limit; any, where the "
    "limit is `0s` | every outage at most as long, with what the hold can hide; and none so long can hide where "
    "nothing was seen | the start or the end of an outage, or its hold time after, was not seen (the last only where "
    "darkness until the looking ended would break the limit) |"
)
def test_an_outage_that_was_not_over_when_the_looking_ended_is_never_a_pass(tmp_path: Path) -> None:
    found = weighed(run("outage", at_most="30s").saw(ticks(19.0, END), Outcome.REFUSED), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "its end was not seen" in found.because


def test_a_hang_shorter_than_the_timeout_breaks_a_limit(tmp_path: Path) -> None:
    made = run("outage", at_most="200ms")
    for at in ticks(FAULT, FAULT + 0.4):
        made.saw([at], Outcome.OK, FAULT + 0.4 - at + 0.002)
    assert weighed(made, tmp_path).verdict is FAILED


def test_a_probe_that_died_before_the_end_is_never_a_pass(tmp_path: Path) -> None:
    made = run("outage", at_most="30s")
    made.samples["pay"] = [one for one in made.samples["pay"] if one.due < made.samples["pay"][500].due]
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "stopped looking" in found.because


def test_looks_that_are_mostly_skipped_are_never_a_pass(tmp_path: Path) -> None:
    made = run("writers", who="pg1").saw(ticks(4.0, 18.0), Outcome.SKIPPED, 0)
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "raise its in_flight" in found.advice


def test_skipped_looks_widen_what_could_hide_and_count_no_further(tmp_path: Path) -> None:
    """A prober that looks less often while it hears nothing is no reason for no verdict: the bounds say it all."""
    skipped = ticks(4.0, 18.0)
    found = weighed(run("outage", at_most="10s").saw(skipped, Outcome.SKIPPED, 0), tmp_path / "short")
    assert (found.verdict, "raise its in_flight" in found.advice) == (INCONCLUSIVE, True)
    assert weighed(run("outage", at_most="30s").saw(skipped, Outcome.SKIPPED, 0), tmp_path / "long").verdict is PASSED


@pytest.mark.says(
    "| `outage: {of, at_most, hold?, when?}` | some outage lasted at least longer than the limit; any, where the "
    "limit is `0s` | every outage at most as long, with what the hold can hide; and none so long can hide where "
    "nothing was seen | the start or the end of an outage, or its hold time after, was not seen (the last only where "
    "darkness until the looking ended would break the limit) |"
)
def test_an_outage_after_which_it_was_not_seen_good_for_the_hold_is_never_a_pass(tmp_path: Path) -> None:
    made = run("outage", at_most="2s", hold="2s").saw(ticks(17.0, 18.5), Outcome.REFUSED)
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "not seen good for 2 s after" in found.because


@pytest.mark.says(
    "| `outage: {of, at_most, hold?, when?}` | some outage lasted at least longer than the limit; any, where the "
    "limit is `0s` | every outage at most as long, with what the hold can hide; and none so long can hide where "
    "nothing was seen | the start or the end of an outage, or its hold time after, was not seen (the last only where "
    "darkness until the looking ended would break the limit) |"
)
def test_an_end_that_was_not_seen_for_long_decides_nothing_about_a_limit_far_away(tmp_path: Path) -> None:
    made = run("outage", at_most="30s", hold="2s").saw(ticks(18.4, 18.5), Outcome.REFUSED)
    assert weighed(made, tmp_path).verdict is PASSED


@pytest.mark.says(
    "| `writers: {of, at_most}` | three looks, each sent after the one before it was answered, have more nodes in "
    "common than the limit, and all that prove something and were sent between the first and the last have these, too"
    " (one that was sent at the same moment as either is not between) | no look names more | a look names more, but "
    "not so; the probe does not ask every node |"
)
def test_writers_of_a_probe_that_does_not_ask_every_node_are_never_a_pass(tmp_path: Path) -> None:
    made = Run(expect=[{"writers": {"of": "pay"}}], probes=[probe()]).usual().good(who="pg1")
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "does not ask every node itself" in found.because


def test_looks_without_a_good_answer_are_slower_than_any_limit(tmp_path: Path) -> None:
    made = run("latency", p90="500ms", when="during").saw(ticks(FAULT, FAULT + 4), Outcome.WRONG)
    found = weighed(made, tmp_path)
    assert found.verdict is FAILED
    assert "no good answer" in found.because


def test_a_probe_that_could_not_look_is_never_a_pass_and_says_why(tmp_path: Path) -> None:
    made = run("outage", at_most="30s").saw(ticks(0.4, END), Outcome.BROKEN, detail="env:TOKEN is not set")
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "env:TOKEN is not set" in found.advice


# errors


@pytest.mark.says(
    "| `errors: {of, at_most, when?}` | `F` is more than the limit (a number, or that share of `N`) | `F + U` is not "
    "more | the limit is a share of more than 0 and less than one look, and none failed |"
)
@pytest.mark.parametrize(
    ("limit", "failed", "verdict"),
    [("1%", 9, PASSED), ("1%", 10, FAILED), (10, 10, PASSED), (10, 11, FAILED), (0, 0, PASSED), ("0%", 1, FAILED)],
)
def test_errors_are_weighed_as_a_share_or_as_a_number(
    limit: str | int, failed: int, verdict: Verdict, tmp_path: Path
) -> None:
    made = run("errors", at_most=limit).saw(ticks(6.0, 6.0 + failed * 0.02), Outcome.WRONG)
    assert len(made.samples["pay"]) == 980
    assert weighed(made, tmp_path).verdict is verdict


@pytest.mark.says(
    "| `errors: {of, at_most, when?}` | `F` is more than the limit (a number, or that share of `N`) | `F + U` is not "
    "more | the limit is a share of more than 0 and less than one look, and none failed |"
)
def test_a_share_finer_than_the_looks_can_tell_is_inconclusive(tmp_path: Path) -> None:
    found = weighed(run("errors", at_most="0.01%"), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "probe pay every 1 ms" in found.advice


@pytest.mark.says(
    "| `errors: {of, at_most, when?}` | `F` is more than the limit (a number, or that share of `N`) | `F + U` is not "
    "more | the limit is a share of more than 0 and less than one look, and none failed |"
)
def test_skipped_looks_that_could_decide_are_inconclusive(tmp_path: Path) -> None:
    made = run("errors", at_most="1%").saw(ticks(6.0, 6.4), Outcome.SKIPPED, 0)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.parametrize("limit", ["1", "-1%", "101%", "x%", "", -1, 0.5, True])
def test_what_is_neither_a_share_nor_a_number_is_refused(limit: object) -> None:
    with pytest.raises(ValidationError, match=r"share|negative"):
        build(KindUse(kind="errors", params={"of": "pay", "at_most": limit}), "expectation")


# latency


@pytest.mark.says(
    "| `latency: {of, p99…, when?}` | the percentile is at least more than the limit | it is at most the limit | "
    "there are fewer looks than `1 / (1 - share)` |"
)
@pytest.mark.parametrize(("limit", "verdict"), [("3ms", PASSED), ("1ms", FAILED)])
def test_latency_is_weighed_by_percentile(limit: str, verdict: Verdict, tmp_path: Path) -> None:
    assert weighed(run("latency", p50=limit), tmp_path).verdict is verdict


def test_latency_counts_from_when_a_look_was_due(tmp_path: Path) -> None:
    """A prober that sends late hides what its users wait; where it alone is late, nobody can tell."""
    made = run("latency", p50="40ms")
    made.samples["pay"] = [
        one._replace(sent=one.due + 45_000_000, answered=one.due + 50_000_000) for one in made.samples["pay"]
    ]
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "between 5 ms and 50 ms" in found.because
    assert "sent its looks late" in found.advice


def test_latency_before_the_fault_and_during_are_told_apart(tmp_path: Path) -> None:
    expect = [
        {"latency": {"of": "pay", "p90": "10ms", "when": when}} for when in ("before", "during", "after", "whole")
    ]
    made = Run(expect=expect).usual().good().saw(ticks(FAULT, 16.0), Outcome.OK, 0.03)
    verdicts = [one.verdict for one in judge(made.write(tmp_path / "during")).findings[:4]]
    assert verdicts == [PASSED, FAILED, PASSED, FAILED]
    made = Run(expect=expect).usual().good().saw(ticks(16.6, END), Outcome.OK, 0.03)
    verdicts = [one.verdict for one in judge(made.write(tmp_path / "after")).findings[:4]]
    assert verdicts == [PASSED, PASSED, FAILED, FAILED]


def test_looks_without_an_answer_took_at_least_until_their_deadline(tmp_path: Path) -> None:
    silent = ticks(6.0, 6.4)
    assert weighed(run("latency", p99="400ms").saw(silent, Outcome.TIMED_OUT, 0.5), tmp_path / "a").verdict is FAILED
    found = weighed(run("latency", p99="600ms").saw(silent, Outcome.TIMED_OUT, 0.5), tmp_path / "b")
    assert (found.verdict, found.advice) == (INCONCLUSIVE, "give the probe a timeout longer than the limit")


@pytest.mark.says(
    "| `latency: {of, p99…, when?}` | the percentile is at least more than the limit | it is at most the limit | "
    "there are fewer looks than `1 / (1 - share)` |"
)
def test_too_few_looks_for_a_percentile_are_inconclusive(tmp_path: Path) -> None:
    found = weighed(run("latency", every=0.2, p99_9="1s"), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "needs 1000 looks" in found.because


def test_latency_after_a_run_that_was_never_steady_is_inconclusive(tmp_path: Path) -> None:
    made = run("latency", p50="1s", when="after").without(tl.SteadyAgain)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


def test_latency_without_a_percentile_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a percentile"):
        build(KindUse(kind="latency", params={"of": "pay"}), "expectation")


# never


@pytest.mark.parametrize("is_long_first", [True, False])
def test_of_dark_looks_of_one_moment_the_one_counts_that_ends_last(is_long_first: bool, tmp_path: Path) -> None:
    """Whichever was recorded first: it may have gone dark at 7.98 s, been well, and gone dark again at 8.06 s."""
    made = run("flaps", at_most=1, hold="70ms").saw([7.98], Outcome.REFUSED).saw([8.02], Outcome.REFUSED, 0.005)
    [short] = [look for look in made.samples["pay"] if look.due == ns(8.02)]
    long = short._replace(due=short.due + 1, answered=ns(8.06))
    both = (long, short) if is_long_first else (short, long)
    made.samples["pay"] = [look for look in made.samples["pay"] if look is not short] + list(both)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says(
    "| `never: {of, changes: true}` | a look saw somebody else than the first one that saw somebody | none did, and "
    "nobody could have come and gone unseen | nobody was seen at all, or not for more than five intervals: from "
    "`since` to the first sending of a look that saw somebody, from one's sending to the next one's, from the last "
    "one's to `until` |"
)
@pytest.mark.parametrize(
    ("params", "verdict"), [({"changes": True}, FAILED), ({"saw": "pg2"}, FAILED), ({"saw": "pg3"}, PASSED)]
)
def test_a_single_look_that_saw_another_is_a_change(params: dict[str, Any], verdict: Verdict, tmp_path: Path) -> None:
    made = run("never", who="pg1", **params).saw([8.0], Outcome.OK, who="pg2")
    assert weighed(made, tmp_path).verdict is verdict


def test_who_answers_all_along_never_changes(tmp_path: Path) -> None:
    assert weighed(run("never", who="pg1", changes=True), tmp_path).verdict is PASSED


@pytest.mark.says("| `never: {of, saw: pay3}` | a look names it | as `changes` | as `changes` |")
def test_somebody_among_several_is_seen(tmp_path: Path) -> None:
    made = run("never", who="pg1", saw="pg2").saw([8.0], Outcome.WRONG, who="pg1,pg2")
    assert weighed(made, tmp_path).verdict is FAILED


@pytest.mark.says("| `never: {of, saw: pay3}` | a look names it | as `changes` | as `changes` |")
def test_a_name_within_another_name_is_not_seen(tmp_path: Path) -> None:
    assert weighed(run("never", who="pg11", saw="pg1"), tmp_path).verdict is PASSED


def test_a_probe_that_never_told_who_answered_is_inconclusive(tmp_path: Path) -> None:
    assert weighed(run("never", changes=True), tmp_path).verdict is INCONCLUSIVE


def test_nobody_seen_for_long_could_hide_a_change_there_and_back(tmp_path: Path) -> None:
    made = run("never", who="pg1", changes=True).saw(ticks(6.0, 9.0), Outcome.TIMED_OUT, 0.5)
    found = weighed(made, tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "saw nobody for 3.02 s" in found.because


def of_a_timeline(kind: str = "patroni.timeline", **params: object) -> Run:
    made = Run(expect=[{"never": {"of": "line", **params}}], probes=[probe(), probe("line", kind=kind)])
    return made.usual().good().good("line", who="3")


def test_a_change_that_ends_where_it_began_is_still_a_change(tmp_path: Path) -> None:
    made = run("never", who="pg1", changes=True).saw(ticks(8.0, 8.4), Outcome.OK, who="pg2")
    found = weighed(made, tmp_path)
    assert found.verdict is FAILED
    assert "pay saw pg2" in found.because


@pytest.mark.says(
    "| `never: {of, promotions: true}` | PostgreSQL's timeline changed | the same; between two looks that saw the "
    "same number there was no other | the probe tells no timeline; none was told within five intervals of `since`, or"
    " of `until` |"
)
@pytest.mark.parametrize("kind", ["patroni.timeline", "postgres.timeline"])
def test_a_promotion_between_two_looks_shows_in_the_timeline_though_the_same_node_leads_again(
    kind: str, tmp_path: Path
) -> None:
    made = of_a_timeline(kind, promotions=True).saw(ticks(6.0, 12.0), Outcome.WRONG, name="line")
    assert weighed(made, tmp_path / "none").verdict is PASSED
    made.saw(ticks(12.0, END), Outcome.OK, name="line", who="4")
    found = weighed(made, tmp_path / "one")
    assert found.verdict is FAILED
    assert "line saw 4" in found.because


@pytest.mark.says(
    "| `never: {of, promotions: true}` | PostgreSQL's timeline changed | the same; between two looks that saw the "
    "same number there was no other | the probe tells no timeline; none was told within five intervals of `since`, or"
    " of `until` |"
)
@pytest.mark.parametrize(("since", "until"), [(0.4, 6.0), (10.0, END)])
def test_a_timeline_that_was_not_seen_at_the_start_or_at_the_end_could_hide_a_promotion(
    since: float, until: float, tmp_path: Path
) -> None:
    found = weighed(of_a_timeline(promotions=True).saw(ticks(since, until), Outcome.WRONG, name="line"), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "a change could have hidden there" in found.because


def test_a_timeline_that_was_never_told_is_inconclusive(tmp_path: Path) -> None:
    made = of_a_timeline(promotions=True).saw(ticks(0.4, END), Outcome.WRONG, name="line")
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says(
    "| `never: {of, promotions: true}` | PostgreSQL's timeline changed | the same; between two looks that saw the "
    "same number there was no other | the probe tells no timeline; none was told within five intervals of `since`, or"
    " of `until` |"
)
def test_promotions_of_a_probe_that_tells_no_timeline_are_inconclusive(tmp_path: Path) -> None:
    found = weighed(run("never", who="pg1", promotions=True), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "patroni.timeline" in found.advice


def test_who_was_not_seen_before_the_fault_is_not_known_to_be_the_same(tmp_path: Path) -> None:
    made = run("never", who="pg2", changes=True).saw(ticks(0.4, 6.0), Outcome.TIMED_OUT, 0.5)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.parametrize("params", [{}, {"changes": True, "saw": "a"}, {"changes": True, "promotions": True}])
def test_never_needs_one_thing_that_must_not_happen(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either"):
        build(KindUse(kind="never", params={"of": "pay", **params}), "expectation")


# writers


def test_one_writer_at_a_time_holds(tmp_path: Path) -> None:
    assert weighed(run("writers", who="pg1").saw(ticks(8, END), Outcome.OK, who="pg2"), tmp_path).verdict is PASSED


@pytest.mark.says(
    "A limit holds only if *at most* with that is within it: from the beginning of the last interval of life that "
    "ends at least `hold` before the last good look (where there is none, of the first interval of life) to the end "
    "of the first one that begins at least `hold` after the first good answer."
)
@pytest.mark.says(
    "**What a hold can hide.** A dark moment that falls between two looks within `hold` of an edge makes the outage "
    "longer."
)
def test_what_the_hold_can_hide_makes_an_outage_longer(tmp_path: Path) -> None:
    """Dark for 3 s, and unseen for a moment within the second after: it would be one outage of 4 s."""
    dark = run("outage", at_most="4s").saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED)
    found = weighed(dark, tmp_path / "a")
    assert found.verdict is INCONCLUSIVE
    assert found.because.endswith(
        "were it dark unseen within 1 s of that, it lasted 5.06 s: the limit of 4 s lies between"
    )
    without = run("outage", at_most="4s", hold="0s").saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED)
    assert weighed(without, tmp_path / "b").verdict is PASSED


@pytest.mark.says(
    "| `brown_out: {of, slower_than, at_most, hold?}` | as `outage`, with `slower_than` in the place of `slow` for "
    "every look: neither answered in time nor at all for at least longer | as `outage` | as `outage` |"
)
@pytest.mark.parametrize(("limit", "verdict"), [("1s", FAILED), ("3s", INCONCLUSIVE), ("6s", PASSED)])
def test_answers_that_are_late_for_a_while_are_a_brown_out_and_no_outage(
    limit: str, verdict: Verdict, tmp_path: Path
) -> None:
    """Every other answer takes 40 ms for 2 s: within `slow`, so nothing is dark."""
    made = run("brown_out", slower_than="30ms", at_most=limit).saw(ticks(6.0, 8.0, 0.04), Outcome.OK, 0.04)
    found = weighed(made, tmp_path / "late")
    assert found.verdict is verdict
    assert "was late or dark at least 1.9" in found.because
    dark = run("outage", at_most="100ms").saw(ticks(6.0, 8.0, 0.04), Outcome.OK, 0.04)
    assert weighed(dark, tmp_path / "dark").verdict is PASSED


@pytest.mark.says(
    "| `brown_out: {of, slower_than, at_most, hold?}` | as `outage`, with `slower_than` in the place of `slow` for "
    "every look: neither answered in time nor at all for at least longer | as `outage` | as `outage` |"
)
def test_darkness_is_a_brown_out_too(tmp_path: Path) -> None:
    made = run("brown_out", slower_than="30ms", at_most="1s").saw(ticks(6.0, 8.0), Outcome.REFUSED)
    assert weighed(made, tmp_path).verdict is FAILED


def test_no_look_proves_that_there_was_no_brown_out(tmp_path: Path) -> None:
    made = run("brown_out", slower_than="30ms", at_most="1s").saw(ticks(6.0, 8.0), Outcome.SKIPPED, 0)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


def test_a_writer_that_moves_back_and_forth_between_two_looks_is_no_split_brain(tmp_path: Path) -> None:
    found = weighed(run("writers", who="pg1").saw([8.0, 8.02], Outcome.WRONG, who="pg1,pg2"), tmp_path)
    assert found.verdict is INCONCLUSIVE


@pytest.mark.says(
    "| `flaps: {of, at_most, hold?}` (`hold` is `0s` where it isn't given) | it went dark more often, by as many dark"
    " looks as there are with life proven between each and the next, and (with `hold`) proven for so long: from the "
    "end of the first interval of life that lies wholly after the one to the beginning of the last that lies wholly "
    "before the other, nothing dark between | it can't have gone dark more often, as looks show it: in the order of "
    "their moments (a look's sending; of a good one beyond `slow`, its answer) dark looks with a good one between, "
    "and (with `hold`) at least that long from the beginning of the one interval to the end of the next (of several "
    "at one moment, of the one that ends last), count as apart | |"
)
def test_a_good_look_that_may_lie_between_two_dark_ones_may_have_been_the_end_of_one(tmp_path: Path) -> None:
    """It was sent between them and answered while the second was under way: did it go dark twice?."""
    flapping = run("flaps", at_most=1).saw([8.0], Outcome.REFUSED, 0.015).saw([8.02], Outcome.OK, 0.03)
    found = weighed(flapping.saw([8.04], Outcome.REFUSED, 0.002), tmp_path / "a")
    assert found.verdict is INCONCLUSIVE
    apart = run("flaps", at_most=1).saw([8.0, 8.04], Outcome.REFUSED)
    assert weighed(apart, tmp_path / "b").verdict is FAILED
    once = run("flaps", at_most=1).saw([8.0, 8.02], Outcome.REFUSED)
    assert weighed(once, tmp_path / "c").verdict is PASSED


@pytest.mark.says(
    "| `never: {of, changes: true}` | a look saw somebody else than the first one that saw somebody | none did, and "
    "nobody could have come and gone unseen | nobody was seen at all, or not for more than five intervals: from "
    "`since` to the first sending of a look that saw somebody, from one's sending to the next one's, from the last "
    "one's to `until` |"
)
def test_nobody_seen_for_more_than_five_intervals_hides_a_change(tmp_path: Path) -> None:
    def unseen(number: int) -> Verdict:
        looks = ticks(8.0, 8.0 + 0.02 * number - 0.001)
        return weighed(run("never", changes=True, who="pg1").saw(looks, Outcome.WRONG), tmp_path / f"{number}").verdict

    assert unseen(4) is PASSED
    assert unseen(5) is INCONCLUSIVE


@pytest.mark.says(
    "| `writers: {of, at_most}` | three looks, each sent after the one before it was answered, have more nodes in "
    "common than the limit, and all that prove something and were sent between the first and the last have these, too"
    " (one that was sent at the same moment as either is not between) | no look names more | a look names more, but "
    "not so; the probe does not ask every node |"
)
def test_two_writers_in_three_looks_in_a_row_are_a_split_brain(tmp_path: Path) -> None:
    found = weighed(run("writers", who="pg1").saw([8.0, 8.02, 8.04], Outcome.WRONG, who="pg1,pg2"), tmp_path)
    assert (found.verdict, found.because) == (FAILED, "pay saw pg1,pg2 at once, 8 s after the start")


@pytest.mark.says(
    "| `writers: {of, at_most}` | three looks, each sent after the one before it was answered, have more nodes in "
    "common than the limit, and all that prove something and were sent between the first and the last have these, too"
    " (one that was sent at the same moment as either is not between) | no look names more | a look names more, but "
    "not so; the probe does not ask every node |"
)
def test_two_writers_in_one_look_only_may_be_one_that_moved(tmp_path: Path) -> None:
    found = weighed(run("writers", who="pg1").saw([8.0], Outcome.WRONG, who="pg1,pg2"), tmp_path)
    assert found.verdict is INCONCLUSIVE


def test_of_three_looks_at_two_writers_the_second_need_not_be_the_one_sent_next(tmp_path: Path) -> None:
    """The one that was sent next is still under way when the third is sent."""
    slow = run("writers", who="pg1").saw([8.0, 8.04, 8.06], Outcome.WRONG, who="pg1,pg2")
    found = weighed(slow.saw([8.02], Outcome.WRONG, 0.4, who="pg1,pg2"), tmp_path)
    assert (found.verdict, found.because) == (FAILED, "pay saw pg1,pg2 at once, 8 s after the start")


@pytest.mark.parametrize("first", ["pg1,pg2", "pg1"])
def test_a_look_that_was_sent_with_the_third_one_is_not_between(first: str, tmp_path: Path) -> None:
    made = run("writers", who="pg1").saw([8.0, 8.02, 8.04], Outcome.WRONG, who="pg1,pg2")
    [third] = [look for look in made.samples["pay"] if look.due == ns(8.04)]
    beside = third._replace(due=third.due + 1, who="pg1")
    both = (third, beside) if first == third.who else (beside, third)
    made.samples["pay"] = [look for look in made.samples["pay"] if look is not third] + list(both)
    assert weighed(made, tmp_path).verdict is FAILED


def test_other_pairs_of_writers_in_two_looks_may_be_writers_that_moved(tmp_path: Path) -> None:
    made = run("writers", who="pg1").saw([8.0], Outcome.WRONG, who="pg1,pg2").saw([8.02], Outcome.WRONG, who="pg2,pg3")
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


def test_a_probe_that_never_saw_a_writer_proves_nothing(tmp_path: Path) -> None:
    assert weighed(run("writers"), tmp_path).verdict is INCONCLUSIVE


# what all share


def test_a_look_that_the_prober_saw_late_is_no_outage(tmp_path: Path) -> None:
    made = run("outage", at_most="500ms").saw([6.0], Outcome.OK, 0.3, detail=f"held up {SEEN_LATE}")
    assert weighed(made, tmp_path).verdict is PASSED
