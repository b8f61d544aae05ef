"""The fake place, as authors of kinds get it: it is acted on through the ports, and says what was really done."""

from pathlib import Path

import pytest

from faildrill.errors import ActionRefused
from faildrill.kinds import build
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.testing import FakePlace, given, run


@pytest.fixture
def place(tmp_path: Path) -> FakePlace:
    return FakePlace(tmp_path / "place")


async def _looked_at(place: FakePlace, name: str) -> Outcome:
    seen: Seen = await build(place.look_at(name), "probe").look(given())
    return seen.outcome


def test_a_service_is_up_until_somebody_says_otherwise(place: FakePlace) -> None:
    assert (place.state("pay"), run(_looked_at(place, "pay"))) == ("up", Outcome.OK)
    place.become("pay", "down")
    assert place.state("pay") == "down"
    assert run(_looked_at(place, "pay")) is not Outcome.OK


def test_a_fault_is_done_and_put_back_and_both_are_told(place: FakePlace) -> None:
    async def there_and_back() -> None:
        step = build(place.take_down("pay"), "action")
        before = await step.capture(given())
        await step.apply(before, given())
        assert place.state("pay") == "down"
        await step.undo(before, given())

    run(there_and_back())
    assert place.state("pay") == "up"
    assert place.deeds("pay") == ["apply", "undo"]


def test_a_fault_misbehaves_as_it_is_told(place: FakePlace) -> None:
    async def refused() -> None:
        step = build(place.take_down("pay", apply="refuses"), "action")
        await step.apply(await step.capture(given()), given())

    with pytest.raises(ActionRefused):
        run(refused())
    assert place.deeds("pay") == []


def test_services_of_one_place_know_nothing_of_each_other(place: FakePlace) -> None:
    place.become("pay", "down")
    assert run(_looked_at(place, "cart")) is Outcome.OK
