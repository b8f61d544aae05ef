"""Judging says what its page says: an oracle written from docs/judging.md alone judges the same random histories."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from oracle import words
from oracle.histories import history
from oracle.judged import judged

FIXED: Final = 2_000
SOAKED: Final = 100_000
PARTS: Final = 20


def disagreements(seed: int, folder: Path) -> list[str]:
    made = history(seed)
    claims, waits = words.claims(made), words.waits(made)
    said, waited = judged(made, [claim for claim, _ in claims], waits, folder / str(seed))
    found = [
        f"seed {seed}: {claim}: the page says {wanted}, judging {answer}"
        for (claim, page), answer in zip(claims, said, strict=True)
        if (wanted := page(made)) != answer
    ]
    return found + [
        f"seed {seed}: {one}: the page says {wanted}, judging {answer}"
        for one, answer in zip(waits, waited, strict=True)
        if (wanted := words.waited(one, made)) != answer
    ]


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(3756, id="two probers, and the worst stretch holds a look more than others"),
        pytest.param(
            6678, id="where a prober took over, the stretch with most failures is not the one with the largest share"
        ),
        pytest.param(16200, id="a late answer ends a brown-out without a hold, and nothing more is seen"),
        pytest.param(17826, id="a late answer ends an outage without a hold, and nothing more is seen"),
        pytest.param(5327, id="the same two are seen in another order"),
    ],
)
def test_what_was_judged_otherwise_once_is_judged_as_the_page_says(seed: int, tmp_path: Path) -> None:
    assert disagreements(seed, tmp_path) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_judging_says_what_its_page_says(part: int, tmp_path: Path, many: Callable[[int, int], int]) -> None:
    each = many(FIXED, SOAKED) // PARTS
    found = [line for seed in range(part * each, (part + 1) * each) for line in disagreements(seed, tmp_path)]
    assert found == []
