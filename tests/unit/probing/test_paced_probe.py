"""A prober that is held up for a moment goes on looking afterwards, also where nothing answers."""

import asyncio
import time

import pytest

from faildrill.kinds.call_context import CallContext
from faildrill.ports import Given, Seen
from faildrill.probing.agenda import Agenda
from faildrill.probing.backoff import most_in_flight
from faildrill.probing.paced_probe import TOO_MANY, PacedProbe
from faildrill.record.samples import Sample
from unit.probing.watched import plan

EVERY, TIMEOUT, HELD_UP = 0.004, 0.2, 0.1


class Silent:
    """Never answers, and says that its looks don't get there, so that none is held back for the server's sake."""

    async def look(self, given: Given) -> Seen:
        """Wait for what never comes."""
        del given
        await asyncio.Event().wait()
        raise AssertionError

    def is_cut(self, now: int) -> bool:
        """Say that a look would not get there."""
        del now
        return True


@pytest.mark.parametrize("given_by_the_drill", [0, 51])
def test_looks_that_get_time_back_take_nobodys_place_but_where_the_drill_gives_a_number(
    given_by_the_drill: int,
) -> None:
    samples: list[Sample] = []

    async def scene() -> int:
        loop, agenda = asyncio.get_running_loop(), Agenda()
        agenda.start(loop)
        given = CallContext("run-1", timeout=TIMEOUT, every=EVERY, in_flight=most_in_flight(EVERY, TIMEOUT))
        planned = plan(every=EVERY, timeout=TIMEOUT).model_copy(update={"in_flight": given_by_the_drill})
        looking = PacedProbe(planned, Silent(), given, agenda, samples.append)
        looking.start(time.monotonic_ns())
        await asyncio.sleep(2 * TIMEOUT)
        time.sleep(HELD_UP)  # noqa: ASYNC251 - this process is held up
        held_up = time.monotonic_ns()
        await asyncio.sleep(2 * TIMEOUT)
        await looking.stop()
        agenda.close(loop)
        return held_up

    held_up = asyncio.run(scene())
    kept_back = [one for one in samples if one.detail == TOO_MANY and one.due > held_up]
    assert (len(kept_back) < HELD_UP / EVERY / 4) is not bool(given_by_the_drill)


def test_what_has_a_number_of_looks_to_make_makes_no_more_after_a_hiccup_that_lasts_beyond_its_end() -> None:
    samples: list[Sample] = []

    async def scene() -> None:
        loop, agenda = asyncio.get_running_loop(), Agenda()
        agenda.start(loop)
        given = CallContext("run-1", timeout=TIMEOUT, every=EVERY, in_flight=most_in_flight(EVERY, TIMEOUT))
        planned = plan(every=EVERY, timeout=TIMEOUT).model_copy(update={"most": 5})
        looking = PacedProbe(planned, Silent(), given, agenda, samples.append)
        looking.start(time.monotonic_ns())
        time.sleep(20 * EVERY)  # noqa: ASYNC251 - this process is held up
        await asyncio.sleep(2 * TIMEOUT)
        await looking.stop()
        agenda.close(loop)

    asyncio.run(scene())
    assert len(samples) == 5
