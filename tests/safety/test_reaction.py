"""P13: a breach ends the acting and the undo begins, within a probe's interval and a quarter of a second."""

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faildrill.ports.target import KindUse
from faildrill.record.samples import Files, all_samples
from faildrill.record.timeline import FILE, AbortAsked, Applying, Confirmed, GuardAnswered, Undoing, entries
from support.places import Place, ended, events, prober_of, recorded
from unit.adapters.http.test_answers import answering
from unit.adapters.sockets import serving

ABORTED, REFUSED = 5, 3
EVERY = 0.02
LIMIT = EVERY + 0.25
PATIENCE = 3.0
"""Seconds that are enough for every run of the tests, whatever else the machine does; `--soak` holds to the limit."""
LOADS = 10


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    found = Place(tmp_path)
    found.probes = [found.probe("login", EVERY)]
    found.fault("pay")
    found.wait(60)
    return found


@contextlib.contextmanager
def burning(processors: int) -> Iterator[None]:
    """Keep processors busy, each with a process that counts, a second before what follows and while it lasts."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processors)]
    try:
        time.sleep(min(processors, 1))
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def undo_after_breach(place: Place, longer_than: float, burners: int = 0) -> float:
    """Break a service behind the run's back; return the seconds from the breach to the first undo.

    From a second before, and until then, so many processes burn a processor each.
    """
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        with burning(burners):
            broken = time.monotonic_ns()
            place.become("login", "down")
            recorded(started.folder, Undoing)
        place.become("login", "up")
        assert started.sentinel.wait(30) == ABORTED
        [undoing] = [entry.at for entry in entries(started.folder / FILE) if isinstance(entry.what, Undoing)]
        return (undoing - broken) / 1e9 - longer_than


@pytest.mark.parametrize(
    "condition",
    [
        ("canaries", {"of": ["login"]}, 0.0),
        ("outage", {"of": "login", "longer_than": "300ms"}, 0.3),
    ],
)
def test_the_undo_begins_within_the_promised_time_of_the_breach(
    place: Place,
    figure: Callable[[str], None],
    many: Callable[[int, int], int],
    condition: tuple[str, dict[str, str | list[str]], float],
) -> None:
    kind, params, longer_than = condition
    place.abort_when = [KindUse.model_validate({"kind": kind, "params": params})]
    took = sorted(undo_after_breach(place, longer_than) for _ in range(many(1, 20)))
    figure(f"P13: {kind}: undo began {statistics.median(took):.3f} s after the breach, {took[-1]:.3f} s at the most")
    assert took[-1] <= many(round(PATIENCE * 1000), round(LIMIT * 1000)) / 1000


def flood(place: Place, per_second: int) -> None:
    """Have the run's load look so many times a second at a service that stays up."""
    every = LOADS / per_second
    for number in range(LOADS):
        one = place.probe("crowd", every)
        place.load.append(
            one.model_copy(update={"name": f"crowd{number}", "by": "load", "most": 10_000_000, "in_flight": 100})
        )


def test_the_undo_begins_in_time_also_where_every_processor_is_busy_and_samples_flood_in(
    place: Place, figure: Callable[[str], None], many: Callable[[int, int], int]
) -> None:
    place.abort_when = [
        KindUse(kind="outage", params={"of": "login", "longer_than": "300ms"}),
        KindUse(kind="errors", params={"of": "login", "above": "99%", "over": "30s"}),
    ]
    flood(place, many(1_000, 10_000))
    took, rates = [], []
    burners = many(0, os.cpu_count() or 1)
    for _ in range(many(1, 20)):
        seconds, rate = flooded(place, 0.3, burners)
        took.append(seconds)
        rates.append(rate)
    took.sort()
    figure(
        f"P13: at {statistics.median(rates):,.0f} samples a second, {burners} processors burning: undo began "
        f"{statistics.median(took):.3f} s after the breach, {took[-1]:.3f} s at the most in {len(took)}"
    )
    assert took[-1] <= many(round(PATIENCE * 1000), round(LIMIT * 1000)) / 1000


def flooded(place: Place, longer_than: float, burners: int) -> tuple[float, float]:
    """Break the service in the flood; return the seconds to the first undo, and the samples a second of the load."""
    before = set(place.reports.glob("*/")) if place.reports.exists() else set()
    took = undo_after_breach(place, longer_than, burners)
    [folder] = set(place.reports.glob("*/")) - before
    due = [one.due for one in all_samples(Files(folder, "load"))]
    return took, len(due) / ((max(due) - min(due)) / 1e9)


def test_a_prober_that_falls_silent_is_a_breach_after_three_of_its_intervals(place: Place) -> None:
    place.probes = [place.probe("login", 0.1)]
    place.abort_when = [KindUse(kind="outage", params={"of": "login", "longer_than": "100ms"})]
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        stopped_at = time.monotonic_ns()
        prober = prober_of(started.folder)
        os.kill(prober, signal.SIGSTOP)
        recorded(started.folder, AbortAsked)
        os.kill(prober, signal.SIGCONT)
        assert started.sentinel.wait(30) == ABORTED
        [asked] = [one for one in entries(started.folder / FILE) if isinstance(one.what, AbortAsked)]
        assert isinstance(asked.what, AbortAsked)
        assert "no look came back" in asked.what.because
        assert (asked.at - stopped_at) / 1e9 >= 0.3
        assert place.deeds("pay") == ["apply", "undo"]


def with_condition(place: Place, port: int) -> None:
    params = {"url": f"http://127.0.0.1:{port}", "value": "open", "at_most": 0, "every": "100ms"}
    place.abort_when = [KindUse.model_validate({"kind": "http.answer", "params": params})]


def test_a_condition_outside_that_no_longer_holds_ends_the_run(place: Place) -> None:
    answer: dict[str, int] = {"open": 0}

    async def story() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering(dict(answer))(reader, writer)

        async with serving(serve) as port:
            with_condition(place, port)
            started = place.start()
            with ended(started):
                await asyncio.to_thread(recorded, started.folder, Confirmed)
                answer["open"] = 1
                assert await asyncio.to_thread(started.sentinel.wait, 30) == ABORTED
                [asked] = [one for one in events(started.folder, AbortAsked) if isinstance(one, AbortAsked)]
                assert (asked.by, "open is '1', not at most 0" in asked.because) == ("condition", True)
                assert place.deeds("pay") == ["apply", "undo"]

    asyncio.run(story())


def test_a_condition_outside_that_can_t_be_asked_refuses_the_start(place: Place) -> None:
    with_condition(place, 1)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(30) == REFUSED
        answers = [one for one in events(started.folder, GuardAnswered) if isinstance(one, GuardAnswered)]
        assert [one.guard for one in answers if one.objection] == ["http.answer"]
        assert not events(started.folder, Applying)
