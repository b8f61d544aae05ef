"""A place is taken for another one only when several looks say so."""

import asyncio

import pytest

from faildrill.guarding.reach_proofs import LOOKS, agreed
from faildrill.ports import Told


@pytest.mark.parametrize("wrong", range(LOOKS + 1))
def test_what_is_another_one_for_a_moment_is_looked_at_again(wrong: int) -> None:
    looks: list[int] = []

    async def ask() -> Told:
        looks.append(1)
        return Told(differs=["another process listens"]) if len(looks) <= wrong else Told(proved=["pg1"])

    told = asyncio.run(agreed(ask))
    assert bool(told.differs) == (wrong == LOOKS)
    assert len(looks) == min(wrong + 1, LOOKS)


def test_silence_is_not_asked_again() -> None:
    looks: list[int] = []

    async def ask() -> Told:
        looks.append(1)
        return Told(silent=["nobody answers"])

    asyncio.run(agreed(ask))
    assert len(looks) == 1
