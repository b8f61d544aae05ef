"""What is told of an effect that is looked for again and again, in virtual time."""

import asyncio

from faildrill.acting.call import observe
from faildrill.errors import CannotSee
from faildrill.ports import Observed
from faildrill.testing import run
from faildrill.testing.virtual_time import START


def test_a_last_look_that_is_cut_off_does_not_hide_what_was_seen_before() -> None:
    looks = 0

    async def look() -> Observed:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0 if looks == 1 else 60)
        return Observed(holds=False, because="not in effect on web1")

    seen = run(observe(look, START + 5.0))
    assert not seen.holds
    assert seen.because.startswith("could not be seen: no answer within")
    assert seen.because.endswith("; seen last: not in effect on web1")


def test_what_was_never_seen_is_told_alone() -> None:
    async def look() -> Observed:
        await asyncio.sleep(60)
        return Observed(holds=True, because="never comes")

    assert run(observe(look, START + 5.0)).because == "could not be seen: no answer within 2.4 s"


def test_a_last_look_that_is_cut_off_does_not_hide_why_the_others_could_not_see() -> None:
    looks = 0

    async def look() -> Observed:
        nonlocal looks
        looks += 1
        await asyncio.sleep(2)
        raise CannotSee("nobody looked at app2" if looks < 3 else "what came after the deadline")

    assert run(observe(look, START + 5.0)).because == "could not be seen: nobody looked at app2"


def test_a_look_that_is_silent_takes_its_share_of_the_time_and_the_next_one_sees() -> None:
    looks = 0

    async def look() -> Observed:
        nonlocal looks
        looks += 1
        await asyncio.sleep(60 if looks == 1 else 0)
        return Observed(holds=True, because="it is put back")

    assert run(observe(look, START + 8.0)) == Observed(holds=True, because="it is put back")


def test_a_look_that_takes_longer_than_its_share_is_given_the_rest() -> None:
    async def look() -> Observed:
        await asyncio.sleep(4)
        return Observed(holds=True, because="it is put back")

    assert run(observe(look, START + 8.0)) == Observed(holds=True, because="it is put back")


def test_two_looks_that_agree_are_not_enough_where_another_one_took_it_back() -> None:
    looks = iter([True, False, True, True, False] * 50)

    async def look() -> Observed:
        is_so = next(looks)
        return Observed(is_so, "it is so" if is_so else "it is not")

    assert not run(observe(look, START + 5.0)).holds
