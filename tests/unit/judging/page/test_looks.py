"""What a look proves, and which looks count: the sentences of docs/judging.md on them, one by one."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from faildrill import reports
from faildrill.cli.plan import plan as planning
from faildrill.judging import judge
from faildrill.judging.evidence import gather
from faildrill.judging.result import Verdict
from faildrill.model.drill import ProbePlan
from faildrill.proofs import limits
from faildrill.proofs.looks import Interval
from faildrill.record import timeline as tl
from faildrill.record.samples import SEEN_LATE, Files, Outcome, Recorder, Sample
from unit.judging.page.records import SLOW, claimed, exactly, found, judged, look, lost, plan, proves, warmed
from unit.judging.page.test_the_page import PAGE
from unit.judging.runs import END, Run, ns, probe, ticks
from unit.judging.worlds import MS

OK, REFUSED, TIMED_OUT, WRONG, SKIPPED = (
    Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.WRONG, Outcome.SKIPPED,
)  # fmt: skip
BAD = [Outcome.REFUSED, Outcome.RESET, Outcome.WRONG, Outcome.UNREACHABLE]


@pytest.mark.says(
    "All times are whole nanoseconds of one monotonic clock, all counts are whole numbers of looks, all shares are "
    "exact decimals; nothing is rounded before it is compared."
)
@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize("kind", ["outage", "brown_out", "latency", "errors", "error_budget"])
def test_a_nanosecond_or_a_look_decides(kind: str, beyond: int, tmp_path: Path) -> None:
    """A claim is not broken at its limit exactly, and is by the least that there is beyond it."""
    claims: dict[str, dict[str, Any]] = {
        "outage": {"at_most": "80ms"},
        "brown_out": {"slower_than": "400ms", "at_most": "80ms"},
        "latency": {"max": "10ms"},
        "errors": {"at_most": "10%"},
        "error_budget": {"objective": "99.9%", "over": "10m", "at_most": "50%"},
    }
    made = claimed(kind, **claims[kind])
    looks = [Sample("pay", ns(at), ns(at), ns(at) + MS, REFUSED) for at in ticks(6.0, 6.1)]
    looks[-1] = looks[-1]._replace(sent=ns(6.081) + beyond, answered=ns(6.09))
    if kind == "latency":
        looks = [Sample("pay", ns(6.0), ns(6.0), ns(6.01) + beyond, OK)]
    if kind in ("errors", "error_budget"):
        number = 98 if kind == "errors" else 15
        looks = [Sample("pay", ns(at), ns(at), ns(at) + MS, WRONG) for at in ticks(6.0, 6.0 + (number + beyond) * 0.02)]
    taken = {one.due for one in looks}
    made.samples["pay"] = [one for one in made.samples["pay"] if one.due not in taken] + looks
    assert (found(made, tmp_path).verdict is Verdict.FAILED) is bool(beyond)


@pytest.mark.says(
    "**The record.** A sample has `due` (when the look was to be sent), `sent` (when it was; 0: never), `answered` "
    "(when its answer came, went wrong or was given up), `outcome`, `who` (who answered; several are joined by "
    "commas) and `detail`."
)
def test_a_sample_tells_when_how_and_of_whom() -> None:
    assert Sample._fields == ("probe", "due", "sent", "answered", "outcome", "who", "detail")


@pytest.mark.says("A probe has `every`, `timeout` and `slow`.")
def test_a_probe_has_its_rate_and_its_limits() -> None:
    assert {"every", "timeout", "slow"} <= set(ProbePlan.model_fields)


@pytest.mark.says("`plan` prints the rule and the report the figure (`warm-up.ended` holds it, by probe, in seconds).")
def test_plan_prints_the_rule_and_the_report_the_figure(tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("staging")
    identity = f"identity:\n  - file.identity: {{path: {tmp_path}/identity, content: staging}}\n"
    (tmp_path / "place.yaml").write_text(f"environment: place\ndrillable: true\n{identity}")
    looks = "http.request: {url: 'http://127.0.0.1:1/'}, every: 100ms"
    probes = f"probes:\n  pay: {{{looks}, timeout: 2s}}\n  shop: {{{looks}, slow: 300ms}}\n"
    rest = "steps:\n  - wait: 1s\nexpect:\n  - errors: {of: pay, at_most: 0}\n"
    (tmp_path / "drill.yaml").write_text(f"drill: one\nenvironment: place\n{probes}{rest}")
    words = [str(tmp_path / "drill.yaml"), "--env", str(tmp_path / "place.yaml")]
    told = CliRunner().invoke(planning, words).output
    assert "no answer within 20 times the slowest of the warm-up is dark (at least 250 ms, at most 2 s)" in told
    assert "no answer within 300 ms is dark, as the drill says" in told
    made = warmed(Run(expect=[]).usual().good(), slow=0.321, late=0.1).saw(ticks(6, 7), OK, 0.4)
    folder = made.write(tmp_path / "run")
    assert judge(folder).probes[0].slow == 0.321
    assert '"slow":{"pay":0.321}' in (folder / tl.FILE).read_text()
    reports.write(folder, judge(folder))
    assert "silence longer than 321 ms is dark time" in (folder / "report.html").read_text()


@pytest.mark.says("**`slow`** is the time after which no answer is darkness.")
def test_no_answer_for_longer_than_slow_is_darkness() -> None:
    assert proves(look(0, SLOW)) == (Interval(0, SLOW), None)
    assert proves(look(0, SLOW + 1))[1] == Interval(0, SLOW)


@pytest.mark.says(
    "The drill writes it (`slow: 1s`); otherwise it is twenty times the slowest good answer of the warm-up (`answered"
    " - sent`), at least 250 ms."
)
@pytest.mark.parametrize(
    ("written", "slowest", "slow"), [(1.0, 40, 1000), (None, 40, 800), (None, 12, 250), (None, 13, 260)]
)
def test_slow_is_what_the_drill_writes_else_twenty_times_the_slowest(
    written: float | None, slowest: int, slow: int
) -> None:
    assert limits.slow(plan(timeout=5000, slow=written), slowest * MS) == slow * MS


@pytest.mark.says("It is never above the `timeout`.")
@pytest.mark.parametrize(("written", "slowest"), [(2.0, 1), (None, 300), (None, 1)])
def test_slow_is_never_above_the_timeout(written: float | None, slowest: int) -> None:
    assert limits.slow(plan(timeout=200, slow=written), slowest * MS) == 200 * MS


@pytest.mark.says("For a load it is the timeout.")
def test_silence_of_a_load_is_dark_at_its_timeout() -> None:
    assert limits.slow(plan(timeout=5000, by="load"), MS) == 5000 * MS


@pytest.mark.says("A run that was refused has none: there, it is what the drill wrote, else the timeout.")
def test_a_refused_run_takes_what_the_drill_wrote_else_the_timeout(tmp_path: Path) -> None:
    for name, told, slow in (("written", 0.2, 200), ("timeout", None, 500)):
        made = Run(probes=[probe(slow=told)]).usual().without(tl.WarmedUp).good()
        assert gather(made.write(tmp_path / name)).slow("pay") == slow * MS


@pytest.mark.says("| good | OK, took ≤ `slow` | alive at some moment in `[s, a]` |")
def test_a_good_look_proves_life_between_its_sending_and_its_answer() -> None:
    assert proves(look(30, 40)) == (Interval(30, 70), None)


@pytest.mark.says(
    "| good, but beyond `slow` | OK, took > `slow` | dark at some moment in `[s, s + slow]`, and alive at some moment"
    " in `[a - slow, a]` |"
)
def test_a_good_look_beyond_slow_proves_darkness_and_then_life() -> None:
    assert proves(look(30, 250)) == (Interval(280 - SLOW, 280), Interval(30, 30 + SLOW))


@pytest.mark.says("| no answer | TIMED_OUT | dark at some moment in `[s, min(a, s + slow)]` |")
@pytest.mark.parametrize(("took", "by"), [(500, SLOW), (60, 60)])
def test_no_answer_proves_darkness_soon_after_the_sending(took: int, by: int) -> None:
    assert proves(look(30, took, TIMED_OUT)) == (None, Interval(30, 30 + by))


@pytest.mark.says(
    "| a bad answer | REFUSED, RESET, WRONG, UNREACHABLE, took ≤ `slow` | dark at some moment in `[s, a]` |"
)
@pytest.mark.parametrize("outcome", BAD)
def test_a_bad_answer_proves_darkness_between_its_sending_and_it(outcome: Outcome) -> None:
    assert proves(look(30, 40, outcome)) == (None, Interval(30, 70))


@pytest.mark.says(
    "| a bad answer beyond `slow` | the same, took > `slow` | dark at some moment in `[s, s + slow]`: it is dated as "
    "silence is |"
)
@pytest.mark.parametrize("outcome", BAD)
def test_a_bad_answer_beyond_slow_is_dated_as_silence_is(outcome: Outcome) -> None:
    assert proves(look(30, 250, outcome)) == (None, Interval(30, 30 + SLOW))


@pytest.mark.says(
    "| seen late | any of these, its `detail` ends in `(seen late)` | the same as if it had taken ≤ `slow`: in `[s, "
    "a]`. The prober was held up, so it proves no slowness |"
)
@pytest.mark.parametrize("outcome", [OK, TIMED_OUT, *BAD])
def test_what_the_prober_saw_late_proves_no_slowness(outcome: Outcome) -> None:
    seen = Interval(30, 280)
    expected = (seen, None) if outcome is OK else (None, seen)
    assert proves(look(30, 250, outcome, detail=f"200 {SEEN_LATE}")) == expected


@pytest.mark.says("| held back | SKIPPED: too many under way, or the prober was late | nothing |")
def test_a_look_that_was_held_back_proves_nothing() -> None:
    assert proves(look(30, 0, SKIPPED)) == (None, None)


@pytest.mark.says("| open | OPEN: the server ended a connection that was kept, with no byte of an answer | nothing |")
def test_a_kept_connection_that_was_ended_proves_nothing() -> None:
    assert proves(look(30, 1, Outcome.OPEN)) == (None, None)


@pytest.mark.says("| throttled | THROTTLED: an answer about the prober itself (429) | nothing |")
def test_an_answer_about_the_prober_itself_proves_nothing() -> None:
    assert proves(look(30, 1, Outcome.THROTTLED)) == (None, None)


@pytest.mark.says("| broken | BROKEN: the probe could not look | nothing |")
def test_a_probe_that_could_not_look_proves_nothing() -> None:
    assert proves(look(30, 1, Outcome.BROKEN)) == (None, None)


@pytest.mark.says("| not answered yet, never sent, never recorded | no sample | nothing |")
def test_where_there_is_no_sample_nothing_is_proven(tmp_path: Path) -> None:
    told = found(lost(claimed("outage", at_most="1s"), 6.0, 8.0), tmp_path)
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "nothing proves pay alive for 2.02 s" in told.because


@pytest.mark.says("**Late is not dark.** A good answer that took at most `slow` proves life, however long that was.")
def test_a_good_answer_that_took_slow_is_no_outage(tmp_path: Path) -> None:
    slow = [look(at, SLOW) for at in range(0, 1000, 20)]
    assert all(proves(one)[1] is None for one in slow)
    made = claimed("outage", at_most="200ms").saw(ticks(6, 8), OK, 0.05)
    assert found(made, tmp_path).verdict is Verdict.PASSED


@pytest.mark.says(
    "It is *late* if it took more than twice the slowest good answer of the warm-up (at least 50 ms, at most "
    "`slow`): then it is counted, drawn and reported as late, and judged by `latency`, `brown_out` and "
    "`error_budget: {slower_than}`, by nothing else."
)
def test_late_is_more_than_twice_the_slowest_of_the_warm_up(tmp_path: Path) -> None:
    assert [limits.late(plan(timeout=5000), slowest * MS) // MS for slowest in (10, 40, 2000)] == [50, 80, 4000]
    assert limits.late(plan(timeout=5000, slow=0.06), 40 * MS) == 60 * MS
    expect: list[dict[str, Any]] = [
        {"outage": {"of": "pay", "at_most": "200ms"}},
        {"errors": {"of": "pay", "at_most": 0}},
        {"flaps": {"of": "pay", "at_most": 0}},
        {"latency": {"of": "pay", "max": "60ms"}},
        {"brown_out": {"of": "pay", "slower_than": "60ms", "at_most": "1s"}},
        {"error_budget": {"of": "pay", "objective": "99.9%", "over": "1s", "at_most": "1%", "slower_than": "60ms"}},
    ]
    late = warmed(Run(expect=expect).usual().good(), slow=0.3, late=0.06).saw(ticks(6, 8), OK, 0.07)
    told = judged(late.saw(ticks(9, 10), OK, 0.06), tmp_path)
    assert [one.verdict for one in told.findings[:6]] == [Verdict.PASSED] * 3 + [Verdict.FAILED] * 3
    assert (told.probes[0].late_after, told.probes[0].late) == (0.06, 100)


@pytest.mark.says(
    "**Silence is dated to its sending**: a request that was sent long ago and is given up now says nothing about "
    "now ([why](decisions/0005-silence-is-dated-to-its-sending.md))."
)
def test_what_was_sent_long_ago_and_is_given_up_now_says_nothing_of_now(tmp_path: Path) -> None:
    hung = claimed("outage", at_most="1s", hold="0s").saw(ticks(6.0, 6.4), TIMED_OUT, 0.5)
    told = judged(hung, tmp_path)
    assert told.findings[0].verdict is Verdict.PASSED
    [outage] = told.probes[0].outages
    assert outage.first_dark == pytest.approx(6.05, abs=0.001)
    assert outage.last_dark == pytest.approx(6.38, abs=0.001)


@pytest.mark.says("An interval *lies before* another when its end is not after the other's beginning (`≤`).")
def test_an_interval_that_ends_where_another_begins_lies_before_it(tmp_path: Path) -> None:
    """Life that ends in the nanosecond in which the dark look is sent parts it from what was dark before."""
    for name, gap, times in (("touching", 0.0, 2), ("overlapping", 1e-9 * 1000, 1)):
        made = lost(claimed("flaps", at_most=0), 6.0, 6.06)
        looks = [(6.0, 6.0, 6.002, REFUSED), (6.02, 6.002, 6.04 + gap, OK), (6.04, 6.04, 6.05, REFUSED)]
        told = found(exactly(made, looks), tmp_path / name)
        assert f"went dark {'2 times' if times == 2 else 'once'}" in told.because


# the schedule


@pytest.mark.says("**The schedule.** The looks of a probe are due at a fixed rate.")
def test_the_looks_of_a_probe_are_due_at_a_fixed_rate(tmp_path: Path) -> None:
    assert "0 of 980 looks" in found(claimed("errors", at_most=0), tmp_path / "fast").because
    assert "0 of 98 looks" in found(claimed("errors", at_most=0, every=0.2), tmp_path / "slow").because


def of_two_probers(folder: Path, apart: float) -> Path:
    """Write a run whose probe was looked at by a second prober from its middle on, `apart` seconds off the first."""
    made = claimed("errors", at_most=0)
    first = [one for one in made.samples["pay"] if one.due < ns(10.0)]
    second = [one._replace(due=one.due + round(apart * 1e9)) for one in made.samples["pay"] if one.due >= ns(10.0)]
    made.write(folder)
    for path in folder.glob("probes.*"):
        path.unlink()
    for name, some in (("probes", first), ("probes-2", second)):
        recorder = Recorder(Files(folder, name))
        for one in some:
            recorder.record(one)
        recorder.close()
    return folder


@pytest.mark.says(
    "Each prober writes a samples file of its own; its schedule begins at the `due` of the first sample of the probe "
    "in that file (the first by `due`), and has a moment every `every` from there on, before the first sample in the "
    "file of the next prober (by that first `due`)."
)
def test_each_prober_has_a_schedule_of_its_own_until_the_next_one_begins(tmp_path: Path) -> None:
    assert judge(of_two_probers(tmp_path / "even", 0.0)).findings[0].because.startswith("0 of 980 looks failed")
    assert judge(of_two_probers(tmp_path / "off", -0.007)).findings[0].because.startswith("0 of 980 looks failed")
    paused = judge(of_two_probers(tmp_path / "paused", 0.107)).findings[0]
    assert paused.because == "0 of 986 looks failed (0%), and 6 proved nothing: too many to tell"


@pytest.mark.says(
    "A sample whose `due` is a moment of the schedule is the answer to the look due then; if several have that "
    "`due`, it is the one answered first, and of those the one recorded first."
)
@pytest.mark.parametrize(("answered", "failed"), [(6.001, 1), (6.002, 0), (6.003, 0)])
def test_of_several_samples_of_a_moment_the_one_answered_first_counts(
    answered: float, failed: int, tmp_path: Path
) -> None:
    """Of two answered at once it is the one that was recorded first."""
    made = claimed("errors", at_most="50%")
    made.samples["pay"].append(Sample("pay", ns(6.0), ns(6.0), ns(answered), REFUSED))
    assert found(made, tmp_path).because.startswith(f"{failed} of 980 looks failed")


@pytest.mark.says(
    "Every other sample (a late answer that is told after its look was given up, a look between refusals, what a "
    "probe learned by itself) is *beside the schedule*: it proves what a look proves, and is counted nowhere."
)
def test_what_is_beside_the_schedule_proves_and_is_counted_nowhere(tmp_path: Path) -> None:
    beside = [(6.003, 6.003, 6.004, REFUSED), (6.007, 6.007, 6.008, OK)]
    made = exactly(claimed("errors", at_most="50%"), beside)
    told = judged(made, tmp_path)
    assert told.findings[0].because == "0 of 980 looks failed (0%)"
    assert len(told.probes[0].outages) == 1


@pytest.mark.says(
    "A moment of the schedule without a sample is a look that was **not recorded**: it may have been anything."
)
def test_a_look_that_was_not_recorded_may_have_been_anything(tmp_path: Path) -> None:
    told = found(lost(claimed("errors", at_most=5), 6.0, 6.2), tmp_path / "may")
    assert (told.verdict, "10 proved nothing" in told.because) == (Verdict.INCONCLUSIVE, True)
    assert found(lost(claimed("errors", at_most=10), 6.0, 6.2), tmp_path / "not").verdict is Verdict.PASSED


@pytest.mark.says(
    "If most samples of a probe are due at no moment of its schedule, nothing tells what was due: then each of "
    "its samples counts, and none is missing."
)
def test_of_a_probe_without_a_schedule_each_sample_counts_and_none_is_missing(tmp_path: Path) -> None:
    made = claimed("errors", at_most=0)
    crooked = [one._replace(due=one.due + number * 7) for number, one in enumerate(made.samples["pay"])]
    made.samples["pay"] = [one for number, one in enumerate(crooked) if number % 3]
    assert found(made, tmp_path).because == "0 of 653 looks failed (0%)"


@pytest.mark.says(
    "**What counts.** `since` is the `since` of the last `warm-up.ended` (else the time of the first event): the "
    "first moment of the good warm-up."
)
def test_the_record_counts_from_the_good_warm_up_on(tmp_path: Path) -> None:
    made = claimed("errors", at_most=0).saw(ticks(0.4, 3.0), REFUSED).but(4.0, tl.WarmedUp(since=ns(3.0), slow={}))
    assert found(made, tmp_path / "warm").because == "0 of 850 looks failed (0%)"
    made = claimed("errors", at_most=0).saw(ticks(0.1, 0.4), REFUSED).without(tl.WarmedUp)
    assert found(made, tmp_path / "cold").because.startswith("15 of 995 looks failed")


@pytest.mark.says(
    "`until` is the time of the last event that needed the probes (a step applied, failed, confirmed or not, a wait "
    "ended, an undo verified, not verified or failed, steady or not; else of the last event)."
)
def test_the_record_counts_until_the_last_event_that_needed_the_probes(tmp_path: Path) -> None:
    """Of a probe that is silent from 12 s on it matters what the run needed it for later, and nothing else."""
    needed = claimed("errors", at_most="50%").but(19.95, tl.PhaseStarted(phase="steadying"))
    assert "stopped looking 7.52 s before" in found(lost(needed, 12.0, END), tmp_path / "steady").because
    for kind, last in ((tl.SteadyAgain, 15.9), (tl.UndoVerified, 3.7), (tl.Confirmed, 3.6), (tl.Applied, 20.0)):
        needed.without(kind)
        assert gather(needed.write(tmp_path / kind.__name__)).until == ns(last)
    events: list[tl.AnyEvent] = [
        tl.ApplyFailed(step="crash", how="failed", because=""),
        tl.NotConfirmed(step="crash", because=""),
        tl.WaitEnded(step="crash", met=True, because=""),
        tl.UndoNotVerified(step="crash", because=""),
        tl.UndoFailed(step="crash", because=""),
        tl.NotSteady(probes={}, waited=1.0),
    ]
    for number, event in enumerate(events):
        needed.but(17.0 + number / 10, event)
        assert gather(needed.write(tmp_path / f"{number}")).until == ns(17.0 + number / 10)


@pytest.mark.says(
    "A look counts when it is due at `since` or later; the schedule is filled up to `until` or the last sample, "
    "whichever is later."
)
def test_the_schedule_is_filled_up_to_until_or_the_last_sample(tmp_path: Path) -> None:
    made = lost(claimed("errors", at_most="50%"), 19.0, END)
    assert found(made, tmp_path / "until").because == "0 of 956 looks failed (0%)"  # due from 0.4 to 19.5 s
    made = exactly(made, [(19.9, 19.9, 19.902, OK)])
    assert found(made, tmp_path / "sample").because == "0 of 976 looks failed (0%)"


@pytest.mark.says("What `faildrill recover` adds after the end of the run does not count.")
def test_looks_of_a_recovery_after_the_end_do_not_count(tmp_path: Path) -> None:
    made = claimed("errors", at_most=0)
    folder = made.but(20.1, tl.ProberStarted(pid=9, samples="probes-1", probes=["pay"])).write(tmp_path)
    recorder = Recorder(Files(folder, "probes-1"))
    for at in ticks(20.2, 21.0):
        recorder.record(Sample("pay", ns(at), ns(at), ns(at + 0.001), REFUSED))
    recorder.close()
    assert judge(folder).findings[0].because == "0 of 980 looks failed (0%)"


# the drawing


def script() -> ModuleType:
    """Load the script that draws; benchmarks are no package of the tests."""
    spec = importlib.util.spec_from_file_location("looks", PAGE.parents[1] / "benchmarks/looks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn() -> list[str]:
    """Return the lines of the drawing of a real run."""
    [text] = re.findall(r"^```\n(slow:.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(text).splitlines()


@pytest.mark.says(
    "A real run (looks every 100 ms, given up after 800 ms, a server that hung for 0.7 s), drawn by `python -m "
    "benchmarks.looks RUN pay`: each look from its sending `┴` to its answer `✓` or to when it was given up `…`, and "
    "what it proves."
)
def test_the_drawing_is_what_the_script_draws_of_such_a_run(tmp_path: Path) -> None:
    took = [int(told.split("-")[-1].split()[0]) for told in drawn()[1:]]
    made = Run(probes=[probe(every=0.1, timeout=0.8)]).usual()
    made = warmed(made, slow=0.25, late=0.05)
    made.samples["pay"] = []
    for number, by in enumerate(took):
        is_good = "✓" in drawn()[1 + number]
        answered = by / 1e3 if is_good else number / 10 + 0.8
        at = 5 + number / 10
        made.samples["pay"].append(Sample("pay", ns(at), ns(at), ns(5 + answered), OK if is_good else TIMED_OUT))
    told = script().draw(gather(made.write(tmp_path)), "pay")
    assert [one[56:] for one in told] == [one[56:] for one in drawn()]
    for one, shown in zip(told[1:], drawn()[1:], strict=True):
        bars = [line[:56].rstrip() for line in (one, shown)]
        assert bars[0][-1] == bars[1][-1]
        assert abs(bars[0].index("┴") - bars[1].index("┴")) <= 1  # it was sent some microseconds early
        assert abs(len(bars[0]) - len(bars[1])) <= 1


@pytest.mark.says(
    "The first darkness is over by 550 ms and the last began at 900 ms, so it was dark for *at least* 350 ms."
)
def test_what_is_said_of_the_drawing_follows_from_it() -> None:
    dark = [Interval(*map(int, one)) for one in re.findall(r"dark within (\d+)-(\d+) ms", "\n".join(drawn()))]
    first, last = min(one.by for one in dark), max(one.since for one in dark)
    assert (first, last, last - first) == (550, 900, 350)
