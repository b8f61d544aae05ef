"""P13: a breach ends the acting and the undo begins, within a probe's interval and a quarter of a second."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.targets import KindUse
from faildrill.timeline import FILE, AbortAsked, Applying, Confirmed, GuardAnswered, Undoing, entries
from places import Place, ended, events, recorded
from unit.adapters.sockets import serving
from unit.guarding.test_answers import answering

ABORTED, REFUSED = 5, 3
EVERY = 0.02
LIMIT = EVERY + 0.25


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    found = Place(tmp_path)
    found.probes = [found.probe("login", EVERY)]
    found.fault("pay")
    found.wait(60)
    return found


def undo_after_breach(place: Place, longer_than: float) -> float:
    """Break a service behind the run's back; return the seconds from the breach to the first undo."""
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
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
    assert took[-1] <= LIMIT


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
