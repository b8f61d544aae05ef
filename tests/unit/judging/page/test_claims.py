"""What each expectation proves, exports and results: the sentences of docs/judging.md on them, one by one."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faildrill.cli.export import export
from faildrill.judging.expectations.latency import percentile
from faildrill.judging.result import Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import SEEN_LATE, Files, Outcome, Recorder, Sample
from faildrill.record.samples.columns import Columns
from faildrill.record.samples.exported_file import CHUNK, Origin, write_csv, write_parquet
from unit.judging.page.records import claimed, exactly, found, instead, judged, lost
from unit.judging.runs import END, FAULT, Run, ns, ticks
from unit.judging.worlds import MS, Look, columns

OK, REFUSED, RESET, TIMED_OUT, WRONG, SKIPPED = (
    Outcome.OK, Outcome.REFUSED, Outcome.RESET, Outcome.TIMED_OUT, Outcome.WRONG, Outcome.SKIPPED,
)  # fmt: skip
FAILURES = [REFUSED, RESET, TIMED_OUT, WRONG, Outcome.UNREACHABLE]
NOTHING = [SKIPPED, Outcome.OPEN, Outcome.THROTTLED, Outcome.BROKEN]
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE

CLAIMS: dict[str, dict[str, Any]] = {
    "outage": {"at_most": "30s"},
    "brown_out": {"slower_than": "400ms", "at_most": "30s"},
    "errors": {"at_most": "90%"},
    "flaps": {"at_most": 5},
    "error_budget": {"objective": "1%", "over": "1h", "at_most": "100%"},
    "latency": {"p50": "400ms"},
    "never": {"saw": "nobody"},
    "writers": {},
    "spread": {"weights": {"a": 1}, "tolerance": "100%"},
}
"""One of each that passes where nothing is missing."""
WEIGHS_WHAT_IS_MISSING = ("outage", "brown_out", "errors", "error_budget", "latency")


def claim(kind: str, **more: Any) -> Run:
    return claimed(kind, who="a", **{**CLAIMS[kind], **more})


@pytest.mark.says(
    "Looks are those of the schedule that count (see above): `N` all of them, `F` failed (REFUSED, RESET, TIMED_OUT, "
    "WRONG, UNREACHABLE), `U` that prove nothing (held back, open, throttled, broken, not recorded)."
)
def test_looks_are_all_failed_and_unknown_ones(tmp_path: Path) -> None:
    made = claimed("errors", at_most=5)
    for number, outcome in enumerate([*FAILURES, *NOTHING]):
        made.saw([6 + number / 2], outcome)
    told = found(lost(made, 12.0, 12.1), tmp_path)
    assert told.because == "5 of 980 looks failed (0.51%), and 9 proved nothing: too many to tell"


BROKEN: dict[str, Run] = {
    "outage": claimed("outage", at_most="10ms").saw(ticks(6.0, 6.2), REFUSED),
    "brown_out": claimed("brown_out", slower_than="400ms", at_most="10ms").saw(ticks(6.0, 6.2), REFUSED),
    "errors": claimed("errors", at_most=1).saw(ticks(6.0, 6.2), REFUSED),
    "flaps": claimed("flaps", at_most=0).saw(ticks(6.0, 6.2), REFUSED),
    "error_budget": claimed("error_budget", objective="99%", over="1s", at_most="1%").saw(ticks(6.0, 6.2), REFUSED),
    "latency": claimed("latency", max="10ms").saw(ticks(6.0, 6.2), REFUSED),
    "never": claimed("never", who="a", changes=True).saw(ticks(6.0, 6.2), OK, who="b"),
    "writers": claimed("writers", who="a").saw(ticks(6.0, 6.2), OK, who="a,b"),
    "spread": claimed("spread", who="a", weights={"a": 1, "b": 1}),
}


@pytest.mark.says("What is proven broken is FAILED, whatever else is missing.")
@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_proven_broken_is_failed_though_most_is_missing(kind: str, tmp_path: Path) -> None:
    since, until = (12.0, 18.0) if kind == "spread" else (6.4, END)
    assert found(lost(BROKEN[kind], since, until), tmp_path).verdict is FAILED


@pytest.mark.says(
    "Otherwise it is INCONCLUSIVE for `outage`, `brown_out`, `errors`, `flaps`, `error_budget`, `latency`, `never`, "
    "`writers` and `spread` when, in this order,"
)
@pytest.mark.parametrize("kind", CLAIMS)
def test_in_this_order_it_is_told_what_is_missing(kind: str, tmp_path: Path) -> None:
    """Of what lacks in several ways at once the first is told."""
    assert found(claim(kind), tmp_path / "whole").verdict is PASSED
    none, few, blind = claim(kind), claim(kind), claim(kind)
    none.samples["pay"] = []
    few.saw(ticks(0.54, 12.0), Outcome.BROKEN)
    blind.saw(ticks(0.8, 12.0), Outcome.BROKEN)
    for name, made, said in (
        ("none", none, "recorded no look"),
        ("few", few, "are the fewest to go by"),
        ("blind", blind, "looks of pay prove anything"),
        ("early", claim(kind), "stopped looking"),
    ):
        told = found(lost(made, 12.0, END), tmp_path / name)
        assert (told.verdict, said in told.because) == (INCONCLUSIVE, True), told.because


@pytest.mark.says("fewer than ten of its looks prove something (`N - U < 10`);")
@pytest.mark.parametrize("kind", CLAIMS)
def test_fewer_than_ten_looks_prove_nothing_good(kind: str, tmp_path: Path) -> None:
    made = claim(kind)
    made.samples["pay"] = []
    made.good(every=2.0, who="a")
    made.probes[0]["every"] = 2.0
    fewer = lost(made, 18.0, END)
    for number in (9, 8):
        del fewer.samples["pay"][number:]
        fewer.samples["pay"] = fewer.samples["pay"][:number]
        assert "are the fewest to go by" in found(fewer, tmp_path / f"{number}").because


@pytest.mark.says(
    "more than half of its looks prove nothing (for `outage`, `brown_out`, `errors`, `error_budget` and `latency`, "
    "which weigh what is missing, only broken, open and throttled ones count here);"
)
@pytest.mark.parametrize("kind", CLAIMS)
def test_of_a_probe_that_is_mostly_blind_nothing_good_is_concluded(kind: str, tmp_path: Path) -> None:
    """What was held back is weighed where the expectation weighs what is missing; what is broken or open is not."""
    moments = [one.due for one in claim(kind).samples["pay"]][2::2]
    for outcome in NOTHING:
        for name, more, is_blind in (("half", 0, False), ("more", 4, True)):
            made = claim(kind)
            gone = {*moments, *(one.due for one in made.samples["pay"][1 : 2 * more : 2])}
            made.samples["pay"] = [
                one._replace(outcome=outcome) if one.due in gone else one for one in made.samples["pay"]
            ]
            told = found(made, tmp_path / f"{outcome.name}-{name}")
            weighed = outcome is SKIPPED and kind in WEIGHS_WHAT_IS_MISSING
            said = "looks of pay prove anything" in told.because
            assert said is (is_blind and not weighed), told.because


@pytest.mark.says(
    "the probe stopped looking: its last recorded look, one beside the schedule too, was due more than `timeout + 3 *"
    " every` before `until`."
)
@pytest.mark.parametrize("kind", CLAIMS)
def test_a_probe_that_stopped_looking_is_told(kind: str, tmp_path: Path) -> None:
    """The run needs it until 19.5 s: a last look at 18.94 s is just enough, with a timeout of 0.5 s and 20 ms."""
    for last, is_early in ((18.94, False), (18.92, True)):
        told = found(lost(claim(kind), last + 0.01, END), tmp_path / f"{last}")
        assert ("stopped looking" in told.because) is is_early


# outages and brown-outs


@pytest.mark.says(
    "| `brown_out: {of, slower_than, at_most, hold?}` | as `outage`, with `slower_than` in the place of `slow` for "
    "every look: neither answered in time nor at all for at least longer | as `outage` | as `outage` |"
)
@pytest.mark.parametrize(("kind", "more"), [("outage", {}), ("brown_out", {"slower_than": "400ms"})])
def test_what_was_not_seen_good_for_the_hold_after_is_inconclusive_where_that_decides(
    kind: str, more: dict[str, Any], tmp_path: Path
) -> None:
    """Refused until half a second before the end: all of it dark, it would have lasted for a second."""
    for at_most, said in (("600ms", "was not seen good for 1 s after"), ("1200ms", "the hold can hide")):
        told = found(claimed(kind, at_most=at_most, **more).saw(ticks(19.0, 19.5), REFUSED), tmp_path / at_most)
        assert (told.verdict, said in told.because) == (INCONCLUSIVE, at_most == "600ms"), told.because
    passed = found(claimed(kind, at_most="2500ms", **more).saw(ticks(19.0, 19.5), REFUSED), tmp_path / "passed")
    assert passed.verdict is PASSED


# error budgets, latency


def budget() -> Run:
    return claimed("error_budget", objective="99.9%", over="1m", at_most="50%", slower_than="100ms")


@pytest.mark.says(
    "**A bad look of an error budget** failed, or was good and slower than `slower_than`, counted from when it was "
    "due or sent, whichever is later."
)
def test_a_bad_look_failed_or_was_slow_by_the_services_own_doing(tmp_path: Path) -> None:
    """Half of 60 ms are one look of 20 ms, and not two."""
    for name, looks, verdict in (
        ("one", [(6.0, 6.0, 6.1001, OK)], PASSED),
        ("failed", [(6.0, 6.0, 6.001, WRONG), (6.02, 6.02, 6.021, REFUSED)], FAILED),
        ("slow", [(6.0, 6.0, 6.1001, OK), (6.02, 6.02, 6.1201, OK)], FAILED),
        ("in time", [(6.0, 6.0, 6.1, OK), (6.02, 6.02, 6.12, OK)], PASSED),
        ("sent early", [(6.0, 5.99, 6.1, OK), (6.02, 6.01, 6.12, OK)], PASSED),
    ):
        assert found(instead(budget(), looks), tmp_path / name).verdict is verdict, name


@pytest.mark.says(
    "Unknown are `U`, and good ones that are slower only when counted from `due`, or that were seen late."
)
def test_unknown_are_looks_whose_slowness_may_have_been_the_probers(tmp_path: Path) -> None:
    sent_late = [(6.0, 6.05, 6.11, OK), (6.02, 6.05, 6.13, OK)]
    assert found(instead(budget(), sent_late), tmp_path / "sent").verdict is INCONCLUSIVE
    seen_late = budget().saw([6.0, 6.02], OK, 0.2, detail=f"200 {SEEN_LATE}")
    assert found(seen_late, tmp_path / "seen").verdict is INCONCLUSIVE
    for outcome in NOTHING:
        assert found(budget().saw([6.0, 6.02], outcome), tmp_path / outcome.name).verdict is INCONCLUSIVE


def bounded(look: Look, detail: str = "") -> tuple[int, int]:
    """Return what is proven of how long a look took, in ms; -1: for ever."""
    seen = percentile(columns([look], ("", detail), [1]), 0)
    return seen.at_least // MS, seen.at_most // MS if seen.at_most < 1 << 62 else -1


def at(due: int, sent: int, answered: int, outcome: Outcome) -> Look:
    return Look(due * MS, sent * MS, answered * MS, outcome)


@pytest.mark.says("**Latency** of a look is bounded.")
@pytest.mark.says(
    "Good: at least from its due or its sending, whichever is later (at least nothing where it was seen late), at "
    "most from its due, to its answer."
)
def test_a_good_look_took_at_least_from_its_sending_and_at_most_from_its_due() -> None:
    assert bounded(at(100, 130, 150, OK)) == (20, 50)
    assert bounded(at(100, 90, 150, OK)) == (50, 50)
    assert bounded(at(100, 130, 150, OK), SEEN_LATE) == (0, 50)


@pytest.mark.says("No answer: at least so (at least nothing where it was seen late), at most for ever.")
def test_no_answer_took_at_least_until_it_was_given_up_and_perhaps_for_ever() -> None:
    assert bounded(at(100, 130, 600, TIMED_OUT)) == (470, -1)
    assert bounded(at(100, 130, 600, TIMED_OUT), SEEN_LATE) == (0, -1)


@pytest.mark.says("Other failed ones: for ever.")
@pytest.mark.parametrize("outcome", [one for one in FAILURES if one is not TIMED_OUT])
def test_a_bad_answer_is_never_a_good_one(outcome: Outcome) -> None:
    assert bounded(at(100, 130, 150, outcome))[0] > 1 << 40
    assert bounded(at(100, 130, 150, outcome))[1] == -1


@pytest.mark.says("What proves nothing: at least nothing, at most for ever.")
@pytest.mark.parametrize("outcome", NOTHING)
def test_what_proves_nothing_may_have_taken_any_time(outcome: Outcome) -> None:
    assert bounded(at(100, 130, 150, outcome)) == (0, -1)


@pytest.mark.says(
    "The percentile `share` of `n` looks is the one of rank `ceil(share * n)`, counted from 1, of the lower and of "
    "the upper bounds."
)
@pytest.mark.parametrize(
    ("name", "number", "rank"), [("p50", 21, 11), ("p90", 21, 19), ("p99", 300, 297), ("max", 21, 21)]
)
def test_a_percentile_is_the_time_of_a_look_that_was_really_seen(
    name: str, number: int, rank: int, tmp_path: Path
) -> None:
    """The n-th look took n tenths of a millisecond; each limit is just kept, and just broken."""
    made = claimed("latency", every=0.05, **{name: f"{rank * 100}us"})
    made.samples["pay"] = []
    dues = [END - (number - n) * 0.05 for n in range(number)]
    exactly(made, [(due, due, due + n * 1e-4, OK) for n, due in enumerate(dues, 1)])
    made.without(tl.WarmedUp).but(0.4, tl.WarmedUp(since=ns(dues[0]), slow={"pay": 0.5}))
    told = found(made, tmp_path)
    assert told.because == f"{name} of {number} looks is {rank * 0.1:.1f} ms"
    assert told.verdict is PASSED


# alarms


def noticing(within: str, looks: list[tuple[float, float, float, Outcome]]) -> Run:
    made = Run(expect=[{"detected": {"of": "pay", "after": "crash", "within": within}}]).usual().good(every=0.5)
    made.probes[0]["every"] = 0.5
    return instead(made, looks)


@pytest.mark.says("**`detected`** goes by when looks were *answered*.")
def test_an_alarm_is_on_when_it_was_answered(tmp_path: Path) -> None:
    """Sent 1 s after the step began and answered 3 s later: it was on after 4 s, and no sooner."""
    alarm = [(FAULT + 1, FAULT + 1, FAULT + 4, WRONG)]
    assert found(noticing("4s", alarm), tmp_path / "a").verdict is PASSED
    assert found(noticing("3900ms", alarm), tmp_path / "b").verdict is not PASSED


@pytest.mark.says(
    "The step began at its `applying` (or when its action says that its effect began) and was in effect by its "
    "`confirmed` (else `applied`)."
)
def test_a_step_began_at_its_applying_and_was_in_effect_when_confirmed(tmp_path: Path) -> None:
    """Of an alarm that was off at 2.5 s and on at 3 s a limit is broken only after the effect, 0.2 s after the call."""
    alarm = [(at, at, at + 0.001, WRONG) for at in (FAULT + 3, FAULT + 3.5)]
    for within, verdict in (("3100ms", PASSED), ("2900ms", INCONCLUSIVE), ("2350ms", INCONCLUSIVE), ("2250ms", FAILED)):
        assert found(noticing(within, alarm), tmp_path / within).verdict is verdict, within
    unconfirmed = noticing("2350ms", alarm).without(tl.Confirmed)  # in effect 0.1 s after the call, as it was applied
    assert "at least 2.40 s" in found(unconfirmed, tmp_path / "applied").because
    told = noticing("2500ms", alarm).but(
        FAULT + 0.6, tl.Happened(step="crash", at=7_004_100_000_000, told="", began=True)
    )
    assert found(told, tmp_path / "dated").verdict is PASSED


@pytest.mark.says(
    "It had not gone off by `p`: the last sending of a look that was answered no later than the alarm, proves "
    "something and is none (the beginning, where there is none)."
)
def test_an_alarm_had_not_gone_off_when_the_last_look_without_one_was_sent(tmp_path: Path) -> None:
    """A look that was sent before the alarm and is answered well after it says nothing of when it went off."""
    alarm = [(FAULT + 2, FAULT + 2, FAULT + 2.1, WRONG), (FAULT + 1.5, FAULT + 1.5, FAULT + 3, OK)]
    assert found(noticing("1s", alarm), tmp_path).because.startswith("at least 800 ms, at most 2.1 s after it")


# one bad look


@pytest.mark.says("One bad look among good ones is an outage of at least nothing, and counts for `errors`.")
def test_one_bad_look_is_an_outage_of_at_least_nothing_and_an_error(tmp_path: Path) -> None:
    told = judged(claimed("errors", at_most=1).saw([6.0], WRONG), tmp_path)
    [outage] = told.probes[0].outages
    assert outage.length.at_least == 0
    assert told.findings[0].because.startswith("1 of 980 looks failed")


@pytest.mark.says("A limit of `0s` or `0` is broken by it.")
@pytest.mark.parametrize(("kind", "limit"), [("outage", "0s"), ("brown_out", "0s"), ("errors", 0), ("flaps", 0)])
def test_a_limit_of_nothing_is_broken_by_one_bad_look(kind: str, limit: str | int, tmp_path: Path) -> None:
    more: dict[str, Any] = {"slower_than": "400ms"} if kind == "brown_out" else {}
    assert found(claimed(kind, at_most=limit, **more).saw([6.0], WRONG), tmp_path).verdict is FAILED


# exports


@pytest.mark.says("CSV and Parquet are written in pieces, so that a run of any length takes little memory.")
@pytest.mark.parametrize("how", ["csv", "parquet"])
def test_no_more_samples_than_a_piece_are_in_memory_at_once(how: str, tmp_path: Path) -> None:
    if how == "parquet":
        pytest.importorskip("pyarrow.parquet")
    looks, sizes = columns([Look(n, n, n + 1, OK) for n in range(CHUNK + 1)]), list[int]()

    class Counted(Columns):
        def part(self, first: int, end: int) -> Columns:
            sizes.append(min(end, len(looks)) - first)
            return looks.part(first, end)

    counted = {"pay": Counted(looks.records, looks.names)}
    if how == "csv":
        with (tmp_path / "looks.csv").open("w") as file:
            write_csv(file, counted, Origin(0, "2026-11-22T10:00:00.000000Z"))
    else:
        write_parquet(tmp_path / "looks.parquet", counted, Origin(0, "2026-11-22T10:00:00.000000Z"), {})
    assert sizes == [CHUNK, 1]


@pytest.mark.says("What a recovery saw after the run had ended is not among it.")
def test_an_export_leaves_out_what_a_recovery_saw(tmp_path: Path) -> None:
    made = claimed("errors", at_most=0)
    folder = made.but(20.1, tl.ProberStarted(pid=9, samples="probes-1", probes=["pay"])).write(tmp_path)
    recorder = Recorder(Files(folder, "probes-1"))
    recorder.record(Sample("pay", ns(20.2), ns(20.2), ns(20.3), REFUSED))
    recorder.close()
    told = CliRunner().invoke(export, [str(folder)]).stdout
    assert len(told.splitlines()) == 1 + 980
    assert "refused" not in told
