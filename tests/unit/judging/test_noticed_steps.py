"""A step that only the one who was asked confirms counts where a probe that asks somebody else noticed it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.comparisons import counted
from faildrill.judging.evidence import gather
from faildrill.judging.result import Result, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import CountsKeeper, Kept, path_of
from unit.judging.runs import END, FAULT, Run, intended, ns, probe, ticks

SEEN = FAULT + 0.2
OUTAGE = {"outage": {"of": "pay", "at_most": "30s"}}


def drained(word_of: str = "haproxy", moves: Sequence[str] = (), *, empties: bool = False, **more: object) -> Run:
    """A run whose step is confirmed by nobody but the one who was asked; all looks are good, of s1 and s2 in turn."""
    run = Run(expect=[OUTAGE], **more).usual().without(tl.Confirmed)  # type: ignore[arg-type]
    told = tl.Confirmed(step="crash", because="s1 drains", word_of=word_of, moves=list(moves), empties=empties)
    run.but(SEEN, told)
    return answering(run, 0.4, END, "s1", "s2")


def answering(run: Run, since: float, until: float, *names: str, took: float = 0.002) -> Run:
    """Have servers answer in turn for a while."""
    for number, name in enumerate(names):
        run.saw(ticks(since, until)[number :: len(names)], Outcome.OK, took, who=name)
    return run


def hanging(run: Run, since: float, until: float) -> Run:
    """Have two looks hang and fail, two more answered when it is over, and all others held back meanwhile."""
    half = (since + until) / 2
    for start, end, outcome in ((since, half, Outcome.WRONG), (half, until, Outcome.OK)):
        first, second, *others = ticks(start, end)
        for due in (first, second):
            run.saw([due], outcome, end - due)
        run.saw(others, Outcome.SKIPPED, 0.0)
    return run


def step_of(result: Result) -> str:
    return next(one.because for one in result.findings if one.kind == "step" and "takes effect" in one.claim)


EACH_DRAINED = (
    "A drain of several servers is noticed only if none goes on answering that had enough requests before to be missed."
)


@pytest.mark.says(
    "**The one who was asked is never the only witness.** Where only the one who was asked can confirm an effect "
    "(HAProxy what was set through its socket, a proxy in the path what it passes on, a `reach` the state of a member "
    "without an address), the step counts only if a probe of the drill noticed it, and the finding names that probe."
)
def test_what_nobody_noticed_proves_nothing(tmp_path: Path) -> None:
    result = judge(drained().write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "only the one who was asked (haproxy) says so, and no probe" in step_of(result)


def test_what_others_confirm_as_well_needs_no_probe(tmp_path: Path) -> None:
    assert judge(drained(word_of="").write(tmp_path)).verdict is Verdict.PASSED


@pytest.mark.says(
    "**The one who was asked is never the only witness.** Where only the one who was asked can confirm an effect "
    "(HAProxy what was set through its socket, a proxy in the path what it passes on, a `reach` the state of a member "
    "without an address), the step counts only if a probe of the drill noticed it, and the finding names that probe."
)
@pytest.mark.says(
    "A probe noticed it if, since it was confirmed, three looks in a row failed and none did before it, or it was dark "
    "for as long as three looks are apart and not before the step was begun (of a service that hangs few looks end); "
    "or if chance alone would make its looks, or what a spread probe counted, so unlike those before it in less than "
    "one of a thousand runs (Fisher's exact test, divided by all that is compared): in who answered, in how many "
    "failed, or in how many good answers took longer than nine in ten did before, where more than half of them do."
)
@pytest.mark.parametrize(
    ("notices", "told"),
    [
        (
            lambda run: answering(run, SEEN, 15.0, "s2"),
            "pay noticed it: s1 answered 78 of 155 before it, 0 of 565 since",
        ),
        (lambda run: answering(run, SEEN, 15.0, "s1", "s2", "s2", "s2"), "pay noticed it: s1 answered 78 of 155"),
        (lambda run: answering(run, SEEN, 15.0, "s1", "s2", took=0.03), "pay noticed it: slower 0 of 155"),
        (lambda run: run.saw(ticks(5.0, 5.06), Outcome.RESET), "pay noticed it: 155 looks before it were good, 3 in"),
        (lambda run: run.saw(ticks(5.0, 14.0, 0.2), Outcome.RESET), "pay noticed it: failed 0 of 155 before it, 45 of"),
        (lambda run: hanging(run, FAULT + 0.1, 6.0), "pay noticed it: dark for at least 1.12 s since, and not before"),
    ],
    ids=["who answers", "how many answer", "slower", "three in a row", "many", "a hang of which few looks end"],
)
def test_a_probe_that_noticed_it_is_named(notices: Callable[[Run], Run], told: str, tmp_path: Path) -> None:
    result = judge(notices(drained()).write(tmp_path))
    assert result.verdict is Verdict.PASSED
    assert told in step_of(result)


@pytest.mark.says(
    "A probe noticed it if, since it was confirmed, three looks in a row failed and none did before it, or it was dark "
    "for as long as three looks are apart and not before the step was begun (of a service that hangs few looks end); "
    "or if chance alone would make its looks, or what a spread probe counted, so unlike those before it in less than "
    "one of a thousand runs (Fisher's exact test, divided by all that is compared): in who answered, in how many "
    "failed, or in how many good answers took longer than nine in ten did before, where more than half of them do."
)
@pytest.mark.parametrize(
    "happens",
    [
        lambda run: run.saw(ticks(5.0, 5.04), Outcome.RESET),
        lambda run: answering(run, 6.0, 10.0, "s1", "s2", took=0.03),
        lambda run: answering(run, SEEN, SEEN + 0.1, "s2"),
        lambda run: run.saw(ticks(2.0, 2.02), Outcome.RESET).saw(ticks(5.0, 5.06), Outcome.RESET),
    ],
    ids=["two in a row", "slower for a while", "few of them", "three in a row, and one before"],
)
def test_what_chance_may_have_made_is_no_witness(happens: Callable[[Run], Run], tmp_path: Path) -> None:
    assert judge(happens(drained()).write(tmp_path)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.says("Probes that ask the same one (of HAProxy: `haproxy.*`) are no witness.")
@pytest.mark.parametrize(("word_of", "verdict"), [("haproxy", "INCONCLUSIVE"), ("whatever is in the path", "PASSED")])
def test_a_probe_that_asks_the_same_one_is_no_witness(word_of: str, verdict: str, tmp_path: Path) -> None:
    servers = probe("servers", 0.1, "haproxy.servers")
    run = drained(word_of, probes=[probe(), servers]).good("servers", 0.1)
    run.saw(ticks(5.0, 15.0, 0.1), Outcome.WRONG, name="servers")
    assert judge(run.write(tmp_path)).verdict == verdict


@pytest.mark.says(
    "*Before* are looks due from when the last step before it was settled, or the last one that others confirm as well "
    "(else from the good warm-up) until it was done; *since* are those due until something is put back, or a step is "
    "done that others confirm as well."
)
@pytest.mark.parametrize(("word_of", "verdict"), [("haproxy", "PASSED"), ("", "INCONCLUSIVE")])
def test_what_is_seen_after_something_else_was_done_was_not_its_doing(
    word_of: str, verdict: str, tmp_path: Path
) -> None:
    run = drained()
    run.steps = [*run.steps, {**run.steps[0], "id": "next", "name": "the next"}]
    run.but(9.0, intended("next"), tl.Applying(step="next"))
    run.but(9.2, tl.Confirmed(step="next", because="done", word_of=word_of))
    run.but(15.95, tl.Undoing(step="next", by="runner"), tl.UndoVerified(step="next", because="as before"))
    assert judge(answering(run, 9.2, 15.0, "s2").write(tmp_path)).verdict == verdict


@pytest.mark.says(
    "*Before* are looks due from when the last step before it was settled, or the last one that others confirm as well "
    "(else from the good warm-up) until it was done; *since* are those due until something is put back, or a step is "
    "done that others confirm as well."
)
def test_what_puts_right_is_compared_with_what_was_right_before(tmp_path: Path) -> None:
    run = drained()
    run.steps = [*run.steps, {**run.steps[0], "id": "next", "name": "the next", "undo": {"how": "none"}}]
    run.but(9.0, intended("next", "none"), tl.Applying(step="next"))
    run.but(9.2, tl.Confirmed(step="next", because="done", word_of="haproxy"))
    run.but(9.3, tl.LeftApplied(step="next", by="drill", because="the drill says so"))
    result = judge(answering(run, SEEN, 9.0, "s2").write(tmp_path))
    told = [one.because for one in result.findings if one.kind == "step" and "the next" in one.claim]
    assert "s1 answered 0 of" in told[0]


@pytest.mark.says(
    "A probe noticed it if, since it was confirmed, three looks in a row failed and none did before it, or it was dark "
    "for as long as three looks are apart and not before the step was begun (of a service that hangs few looks end); "
    "or if chance alone would make its looks, or what a spread probe counted, so unlike those before it in less than "
    "one of a thousand runs (Fisher's exact test, divided by all that is compared): in who answered, in how many "
    "failed, or in how many good answers took longer than nine in ten did before, where more than half of them do."
)
@pytest.mark.parametrize(
    ("counts", "verdict"), [({"s1": 0.0, "s2": 50.0}, "PASSED"), ({"s1": 25, "s2": 25}, "INCONCLUSIVE")]
)
def test_what_a_spread_probe_counted_tells(counts: dict[str, float], verdict: str, tmp_path: Path) -> None:
    run = drained(probes=[probe(), probe("spread", 0.5, "http.spread")]).good("spread", 0.5).write(tmp_path)
    keeping = CountsKeeper(path_of(run, "spread"))
    for at in ticks(0.5, 15.0, 0.5):
        keeping.keep(Kept(ns(at), {"s1": 25.0, "s2": 25.0} if at < SEEN else counts, {"s1": 1.0, "s2": 1.0}))
    keeping.close()
    assert judge(run).verdict == verdict


@pytest.mark.says(
    "Of more than 10,000 requests that a spread probe counted within a time about so many are weighed, in the same "
    "proportions, and whoever had any of them has one at least."
)
def test_very_many_requests_are_weighed_as_ten_thousand(tmp_path: Path) -> None:
    run = drained(probes=[probe(), probe("spread", 0.5, "http.spread")]).write(tmp_path)
    keeping = CountsKeeper(path_of(run, "spread"))
    for at in ticks(0.5, 5.5, 0.5):
        keeping.keep(Kept(ns(at), {"s1": 20_000.0, "s2": 40_000.0, "s3": 1.0}, {"s1": 1.0, "s2": 2.0}))
    keeping.close()
    evidence = gather(run)
    assert counted(evidence, "spread", (ns(0.4), ns(1.0))) == {"s1": 3334, "s2": 6667, "s3": 1}
    assert counted(evidence, "spread", (ns(0.4), ns(5.0))) == {"s1": 3334, "s2": 6667, "s3": 1}


def test_few_requests_are_weighed_as_they_are(tmp_path: Path) -> None:
    run = drained(probes=[probe(), probe("spread", 0.5, "http.spread")]).write(tmp_path)
    keeping = CountsKeeper(path_of(run, "spread"))
    keeping.keep(Kept(ns(0.5), {"s1": 2_000.0, "s2": 8_000.0}, {"s1": 1.0, "s2": 1.0}))
    keeping.close()
    assert counted(gather(run), "spread", (ns(0.4), ns(1.0))) == {"s1": 2_000, "s2": 8_000}


NAMED = (
    "Servers that the step itself names (HAProxy's) are weighed first, in all probes together, beside what came "
    "before it and after it was put back; nine tenths of that one in a thousand are for them."
)


def short(meanwhile: tuple[str, ...], lasting: float, *, empties: bool = True, moves: Sequence[str] = ("s1",)) -> Run:
    """A drill that looks ten times a second; three servers answer in turn, and those of `meanwhile` during a step."""
    run = Run(expect=[OUTAGE], probes=[probe(every=0.1)]).usual().without(tl.Confirmed)
    seen = 15.0 - lasting
    confirmed = tl.Confirmed(step="crash", because="s1 drains", word_of="haproxy", moves=list(moves), empties=empties)
    run.events = [(seen - 0.2 if isinstance(one, tl.Applying) else at, one) for at, one in run.events]
    run.but(seen, confirmed)
    for since, until, names in ((0.4, END, ("s1", "s2", "s3")), (seen, 15.9, meanwhile)):
        for number, name in enumerate(names):
            run.saw(ticks(since, until, 0.1)[number :: len(names)], Outcome.OK, who=name)
    return run


@pytest.mark.says(NAMED)
@pytest.mark.parametrize(
    ("moves", "names", "verdict"),
    [
        (["s1"], ("s2", "s3"), "PASSED"),
        (["s1"], ("s1", "s2", "s3"), "INCONCLUSIVE"),
        (["s2"], ("s2", "s3"), "INCONCLUSIVE"),
    ],
    ids=["as foretold", "as before", "another one"],
)
def test_a_short_step_is_noticed_where_what_it_has_foretold_is_seen(
    moves: list[str], names: tuple[str, ...], verdict: str, tmp_path: Path
) -> None:
    assert judge(short(names, 2.0, moves=moves).write(tmp_path)).verdict == verdict


@pytest.mark.says(
    "Where it takes all requests from them (a drain), fewer is all that counts: of three servers of one weight, "
    "one must be missing in about 20 looks, and the finding says how many it takes, and how long that is at this "
    "rate."
)
def test_a_step_that_was_too_short_says_how_long_it_must_last(tmp_path: Path) -> None:
    run = short(("s2", "s3"), 1.8)
    run.probes = [*run.probes, probe("writer", 0.1)]  # which never meets s1, and tells nothing of its share
    result = judge(run.good("writer", 0.1, "pg1").write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    told = "it takes 19 looks without it: 1.9 s at this rate"
    assert f"s1 answered 54 of 162 before it and after it was put back and 0 of 18 meanwhile, and {told}" in step_of(
        result
    )


@pytest.mark.says(NAMED)
def test_two_probes_notice_together_what_neither_would_alone(tmp_path: Path) -> None:
    run = short(("s2", "s3"), 1.0)
    run.probes = [*run.probes, probe("other", 0.1)]
    assert judge(run.good("other", 0.1, "").write(tmp_path / "one")).verdict is Verdict.INCONCLUSIVE
    for since, until, names in ((0.4, END, ("s1", "s2", "s3")), (14.0, 15.9, ("s2", "s3"))):
        for number, name in enumerate(names):
            run.saw(ticks(since, until, 0.1)[number :: len(names)], Outcome.OK, name="other", who=name)
    result = judge(run.write(tmp_path / "two"))
    assert result.verdict is Verdict.PASSED
    assert "pay, other noticed it: s1 answered" in step_of(result)


@pytest.mark.says(EACH_DRAINED)
@pytest.mark.parametrize(("meanwhile", "verdict"), [(("s3",), "PASSED"), (("s2", "s3"), "INCONCLUSIVE")])
def test_of_two_servers_that_one_step_drains_none_may_go_on_answering(
    meanwhile: tuple[str, ...], verdict: str, tmp_path: Path
) -> None:
    run = answering(drained(moves=["s1", "s2"], empties=True), 0.4, END, "s1", "s2", "s3")
    result = judge(answering(run, SEEN, 15.0, *meanwhile).write(tmp_path))
    assert result.verdict == verdict
    assert ("; s2 answered " in step_of(result)) == (verdict == "INCONCLUSIVE")


@pytest.mark.says(EACH_DRAINED)
def test_one_that_had_too_few_requests_to_be_missed_may_be_drained_with_another(tmp_path: Path) -> None:
    run = answering(drained(moves=["s1", "spare"], empties=True), SEEN, 15.0, "s2").saw([1.0], Outcome.OK, who="spare")
    assert judge(run.write(tmp_path)).verdict is Verdict.PASSED
