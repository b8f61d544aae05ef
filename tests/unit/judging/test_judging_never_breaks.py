"""Every expectation on every sort of evidence: what proves nothing is never a pass, and nothing breaks judging."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from faildrill import reports
from faildrill.errors import JournalDamaged
from faildrill.judging import judge
from faildrill.judging.evidence import gather
from faildrill.judging.numbers.user_impact import impact, ledger_totals, limits, users
from faildrill.judging.outages.spans import WORDS
from faildrill.judging.result import Verdict
from faildrill.kinds import build
from faildrill.kinds.table import EXPECTATIONS
from faildrill.ports.target import KindUse
from faildrill.record.journal import seal
from faildrill.record.ledger import Ledger, Note
from faildrill.record.samples import SIZE, Outcome, Sample
from faildrill.record.spread_counts import Kept
from faildrill.record.timeline import FILE, ProberStarted, WarmedUp
from faildrill.reports import terminal
from unit.judging.runs import END, Run, probe, ticks

PARTS: Final = (*WORDS, "crash")
EXPECT: Final[dict[str, list[dict[str, Any]]]] = {
    "detected": [
        {"of": "pay", "after": "crash", "within": "5s"},
        {"of": "pay", "after": "crash", "within": "5s", "says": "x"},
    ],
    "error_budget": [
        {"of": "pay", "objective": "99.9%", "over": "1h", "at_most": "5%"},
        {"of": "pay", "objective": "99.9%", "over": "1h", "at_most": "5%", "slower_than": "100ms"},
    ],
    "errors": [
        {"of": "pay", "at_most": "1%"},
        {"of": "pay", "at_most": 0},
        {"of": "pay", "at_most": "40%", "over": "5s"},
        {"of": "pay", "at_most": 3, "over": "5s"},
        *({"of": "pay", "at_most": "1%", "when": when} for when in PARTS),
        *({"of": "pay", "at_most": "1%", "over": "1s", "when": when} for when in PARTS),
    ],
    "brown_out": [{"of": "pay", "slower_than": "30ms", "at_most": "1s"}],
    "flaps": [{"of": "pay"}, {"of": "pay", "at_most": 0, "hold": "1s"}],
    "latency": [{"of": "pay", "p50": "1s", "p99.9": "1s", "max": "1s", "when": when} for when in PARTS],
    "lost_writes": [{"of": "pay", "at_most": 0}],
    "never": [{"of": "pay", "changes": True}, {"of": "pay", "saw": "b"}, {"of": "pay", "promotions": True}],
    "outage": [
        {"of": "pay", "at_most": "30s"},
        {"of": "pay", "at_most": "0s"},
        {"of": "pay", "at_most": "1s", "hold": "0s"},
        *({"of": "pay", "at_most": "30s", "when": when} for when in PARTS),
    ],
    "spread": [
        {"of": "pay"},
        *({"of": "pay", "weights": {"a": 1, "b": 1}, "when": when} for when in PARTS),
        {"of": "pay", "weights": {"a": 0}},
    ],
    "steady_again": [{"within": "10s"}],
    "writers": [{"of": "pay", "at_most": 1}],
}
"""Every expectation that there is, each with its ways to be written."""
LOOKS_LITTLE: Final = {"steady_again"}
"""What rests on the timeline alone."""

UNPROVEN: Final[dict[str, Callable[[Path], None]]] = {}
"""Sorts of evidence by which nothing can be concluded, each written into a folder."""
BROKEN: Final[dict[str, Callable[[Path], None]]] = {}
"""Sorts of evidence that are not what they should be, from which something may be concluded all the same."""


def nothing_proven(make: Callable[[Path], None]) -> Callable[[Path], None]:
    UNPROVEN[make.__name__] = make
    return make


def not_as_it_should_be(make: Callable[[Path], None]) -> Callable[[Path], None]:
    BROKEN[make.__name__] = make
    return make


def usual(kind: str = "http.request") -> Run:
    expect = [{name: one} for name, some in EXPECT.items() for one in some]
    return Run(expect=expect, probes=[probe(kind=kind)], load=[probe("users", by="load")]).usual()


def samples(folder: Path) -> Path:
    return folder / "probes.samples"


@nothing_proven
def no_look(folder: Path) -> None:
    usual().write(folder)


@nothing_proven
def no_samples_file(folder: Path) -> None:
    usual().good().write(folder)
    for path in (*folder.glob("*.samples"), *folder.glob("*.names")):
        path.unlink()


@nothing_proven
def an_empty_samples_file(folder: Path) -> None:
    usual().good().write(folder)
    [path] = folder.glob("*.samples")
    path.write_bytes(b"")


@nothing_proven
def half_a_record(folder: Path) -> None:
    usual().good().write(folder)
    [path] = folder.glob("*.samples")
    path.write_bytes(path.read_bytes()[: SIZE // 2])


@nothing_proven
def records_that_are_none(folder: Path) -> None:
    usual().good().write(folder)
    [path] = folder.glob("*.samples")
    path.write_bytes(b"\xff" * len(path.read_bytes()))


@nothing_proven
def one_good_look(folder: Path) -> None:
    usual().saw([5.0], Outcome.OK, who="a").write(folder)


@nothing_proven
def one_good_look_at_the_very_end(folder: Path) -> None:
    usual().saw([END], Outcome.OK, who="a").write(folder)


@nothing_proven
def one_good_look_before_the_warm_up_counts(folder: Path) -> None:
    usual().saw([0.1], Outcome.OK, who="a").write(folder)


@nothing_proven
def one_good_look_of_each_phase(folder: Path) -> None:
    usual().saw([1.0, 5.0, 15.5, 19.7], Outcome.OK, who="a").write(folder)


def all_that_end_as(outcome: Outcome) -> Callable[[Path], None]:
    return lambda folder: (usual().good().saw(ticks(0.4, END), outcome, detail="why").write(folder), None)[1]


for _one in (Outcome.SKIPPED, Outcome.BROKEN, Outcome.OPEN, Outcome.THROTTLED):
    UNPROVEN[f"looks_that_are_all_{_one.name.lower()}"] = all_that_end_as(_one)


@nothing_proven
def one_look_that_proves_nothing(folder: Path) -> None:
    usual().saw([5.0], Outcome.BROKEN).write(folder)


@not_as_it_should_be
def one_bad_look(folder: Path) -> None:
    usual().saw([5.0], Outcome.REFUSED).write(folder)


@not_as_it_should_be
def one_look_without_an_answer(folder: Path) -> None:
    usual().saw([5.0], Outcome.TIMED_OUT, 0.5).write(folder)


@not_as_it_should_be
def looks_that_are_all_dark(folder: Path) -> None:
    usual().saw(ticks(0.4, END), Outcome.TIMED_OUT, 0.5).write(folder)


@not_as_it_should_be
def looks_without_names(folder: Path) -> None:
    usual().good(who="a").write(folder)
    [path] = folder.glob("*.names")
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")


@not_as_it_should_be
def answers_from_before_their_sending(folder: Path) -> None:
    usual().good(who="a").saw(ticks(5, 9), Outcome.OK, -1.0, who="a").write(folder)


@not_as_it_should_be
def looks_that_were_all_due_at_once(folder: Path) -> None:
    made = usual()
    made.good()
    for one in range(50):
        made.samples["pay"].append(a_copy(made, one))
    made.write(folder)


def a_copy(made: Run, number: int) -> Sample:
    one = made.samples["pay"][100]
    return one._replace(answered=one.answered + number)


@not_as_it_should_be
def no_warm_up_told(folder: Path) -> None:
    usual().good(who="a").without(WarmedUp).write(folder)


@not_as_it_should_be
def no_prober_told(folder: Path) -> None:
    usual().good(who="a").without(ProberStarted).write(folder)


@not_as_it_should_be
def a_timeline_with_a_torn_tail(folder: Path) -> None:
    usual().good(who="a").write(folder)
    path = folder / FILE
    path.write_bytes(path.read_bytes()[:-20])


@not_as_it_should_be
def a_ledger_without_a_note(folder: Path) -> None:
    usual("postgres.ledger").good().write(folder)
    Ledger(folder / "pay.ledger").close()


@not_as_it_should_be
def a_ledger_that_nobody_read_back(folder: Path) -> None:
    usual("postgres.ledger").good().write(folder)
    written(folder)


@not_as_it_should_be
def rows_that_can_not_be_read(folder: Path) -> None:
    usual("postgres.ledger").good().write(folder)
    written(folder)
    (folder / "pay@a.rows").write_bytes(b"PK\x03\x04 and no more of it")


@not_as_it_should_be
def rows_that_are_empty(folder: Path) -> None:
    usual("postgres.ledger").good().write(folder)
    written(folder)
    (folder / "pay@a.rows").write_bytes(b"")


@not_as_it_should_be
def notes_of_a_ledger_that_are_none(folder: Path) -> None:
    usual("postgres.ledger").good().write(folder)
    (folder / "pay.ledger").write_bytes(b"\xff" * 160)


def written(folder: Path) -> None:
    ledger = Ledger(folder / "pay.ledger")
    ledger.end(7, ledger.send(5, 0), 0, Note.ACKNOWLEDGED)
    ledger.close()


@not_as_it_should_be
def counts_of_a_spread_that_are_none(folder: Path) -> None:
    usual("haproxy.spread").good().write(folder)
    (folder / "pay.spread").write_bytes(seal(b'{"at": "noon"}'))


@not_as_it_should_be
def a_spread_of_which_nothing_is_due(folder: Path) -> None:
    usual("haproxy.spread").good().write(folder)
    lines = [seal(msgspec.json.encode(Kept(7_005_000_000_000, {"a": 9.0}, due))) for due in ({}, {"a": 0.0})]
    (folder / "pay.spread").write_bytes(b"".join(lines))


@not_as_it_should_be
def who_answers_only_while_it_is_dark(folder: Path) -> None:
    usual("patroni.writer").saw(ticks(5, 6), Outcome.WRONG, who="a", detail="unlocked").write(folder)


def all_expectations() -> list[KindUse]:
    return [KindUse(kind=kind, params=params) for kind, some in EXPECT.items() for params in some]


def test_every_expectation_that_there_is_is_in_the_table() -> None:
    assert set(EXPECT) == set(EXPECTATIONS)


@pytest.mark.parametrize("sort", UNPROVEN)
def test_what_proves_nothing_is_never_a_pass_and_is_told_as_a_sentence(sort: str, tmp_path: Path) -> None:
    UNPROVEN[sort](tmp_path)
    evidence = gather(tmp_path)
    for use in all_expectations():
        for found in build(use, "expectation").judge(evidence):
            assert use.kind in LOOKS_LITTLE or found.verdict is Verdict.INCONCLUSIVE, (use, found)
            assert found.because
    assert judge(tmp_path).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("sort", BROKEN)
def test_no_expectation_breaks_on_evidence_that_is_not_as_it_should_be(sort: str, tmp_path: Path) -> None:
    BROKEN[sort](tmp_path)
    evidence = gather(tmp_path)
    for use in all_expectations():
        assert all(one.because for one in build(use, "expectation").judge(evidence)), use


@pytest.mark.parametrize("sort", UNPROVEN | BROKEN)
def test_the_whole_run_is_judged_and_reported_whatever_the_evidence(sort: str, tmp_path: Path) -> None:
    (UNPROVEN | BROKEN)[sort](tmp_path)
    result = judge(tmp_path)
    reports.write(tmp_path, result)
    terminal.summary(result, tmp_path, io.StringIO())
    assert len([one for one in result.findings if one.kind in EXPECT]) >= len(all_expectations())
    seen = gather(tmp_path)
    for name, after in limits([seen], users([seen])).items():
        impact(seen, name, after)
    ledger_totals(seen)


@pytest.mark.parametrize("looks", ["none", "some"])
def test_a_timeline_that_breaks_off_anywhere_is_judged_and_never_passed(looks: str, tmp_path: Path) -> None:
    made = usual()
    whole = (made.good(who="a") if looks == "some" else made).write(tmp_path / "whole")
    lines = (whole / FILE).read_bytes().splitlines(keepends=True)
    for number in range(1, len(lines)):
        for torn in (b"", lines[number][:30]):
            (whole / FILE).write_bytes(b"".join(lines[:number]) + torn)
            result = judge(whole)
            reports.write(whole, result)
            assert result.verdict in (Verdict.ABORTED, Verdict.UNSAFE), (number, result.because)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("file", [FILE, "probes.names"])
@pytest.mark.parametrize("lies", [a_pipe, a_device, Path.mkdir])
def test_what_is_no_file_is_neither_waited_for_nor_read_without_end(
    file: str, lies: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = Run().usual().good().write(tmp_path)
    (folder / file).unlink()
    lies(folder / file)
    with pytest.raises(JournalDamaged, match=file):
        judge(folder)


@pytest.mark.parametrize("lies", [a_pipe, a_device])
def test_samples_that_are_no_file_are_none(lies: Callable[[Path], None], tmp_path: Path) -> None:
    folder = Run().usual().good().write(tmp_path)
    (folder / "probes.samples").unlink()
    lies(folder / "probes.samples")
    assert judge(folder).verdict is Verdict.INCONCLUSIVE
