"""The spread as it is now: seen soon, cleared soon, and no false alarm when servers come and go."""

import random
from pathlib import Path

import pytest

from faildrill.record.spread_counts import CountsKeeper, Kept, load, path_of
from faildrill.spread import Spread
from faildrill.spread.current import CurrentSpread

EVEN = {"a": 1.0, "b": 1.0, "c": 1.0}
SKEWED = {"a": 7.0, "b": 1.0, "c": 1.0}
SECOND = 1_000_000_000


class Traffic:
    """Requests that are spread as `weights` say, 60 a look, two looks a second."""

    def __init__(self, seed: int = 1, requests: int = 60, **how: float) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - it must be the same for the same seed
        self.requests = requests
        self.now = CurrentSpread(**how)  # type: ignore[arg-type] # all of its parameters are numbers
        self.at = 0

    def come(self, weights: dict[str, float], looks: int = 1, due: dict[str, float] | None = None) -> list[Spread]:
        found = []
        for _ in range(looks):
            self.at += SECOND // 2
            taken = self.draw.choices(list(weights), list(weights.values()), k=self.requests)
            found.append(self.now.take(self.at, {name: taken.count(name) for name in weights}, due or EVEN))
        return found


def verdicts(found: list[Spread]) -> list[str]:
    return [one.verdict for one in found]


def test_an_even_spread_is_even_all_the_time() -> None:
    assert set(verdicts(Traffic().come(EVEN, 600))) == {"even"}


def test_a_skew_is_seen_within_a_second_after_minutes_of_evenness_and_its_end_within_twelve() -> None:
    traffic = Traffic()
    traffic.come(EVEN, 200)
    assert "skewed" in verdicts(traffic.come(SKEWED, 2))
    assert set(verdicts(traffic.come(SKEWED, 30))) == {"skewed"}
    assert verdicts(traffic.come(EVEN, 24))[-1] == "even"


def test_a_skew_that_is_never_disproved_ends_with_its_window() -> None:
    traffic = Traffic(requests=10, over=10.0)
    traffic.come(SKEWED, 20)
    assert verdicts(traffic.come(EVEN, 22))[-1] == "even"


def test_a_smaller_skew_needs_longer_and_is_seen_all_the_same() -> None:
    traffic = Traffic()
    traffic.come(EVEN, 100)
    seen = verdicts(traffic.come({"a": 1.7, "b": 1.0, "c": 1.0}, 60))
    assert "skewed" in seen
    assert seen[0] == "even"


def test_too_few_requests_in_the_whole_window_say_nothing() -> None:
    assert set(verdicts(Traffic(requests=1, over=10.0).come(SKEWED, 40))) == {"open"}


@pytest.mark.parametrize("left", [{"b": 1.0, "c": 1.0}, {"c": 1.0}])
def test_servers_that_leave_and_come_back_are_no_skew(left: dict[str, float]) -> None:
    traffic = Traffic()
    traffic.come(EVEN, 100)
    assert "skewed" not in verdicts(traffic.come(left, 100, due=left))
    assert "skewed" not in verdicts(traffic.come(EVEN, 100))


def test_a_rush_to_a_new_server_is_no_skew_while_it_settles() -> None:
    traffic = Traffic()
    two = {"a": 1.0, "b": 1.0, "c": 0.0}
    traffic.come(two, 50, due=two)
    rush = {"a": 0.1, "b": 0.1, "c": 1.0}
    assert "skewed" not in verdicts(traffic.come(rush, 4))
    assert "skewed" not in verdicts(traffic.come(EVEN, 50))
    assert "skewed" in verdicts(Traffic(settle=0.0).come(rush, 4))


def test_a_server_that_starts_slowly_is_due_more_and_more() -> None:
    traffic = Traffic()
    for part in range(1, 61):
        weights = {"a": 1.0, "b": 1.0, "c": part / 60}
        assert "skewed" not in verdicts(traffic.come(weights, 1, due=weights))


def test_what_was_kept_is_read_back_without_a_torn_end(tmp_path: Path) -> None:
    path = path_of(tmp_path, "spread")
    keeping = CountsKeeper(path)
    kept = [Kept(at, {"a": 1.0}, EVEN, skewed=at == 2, errors={"a": 1.0}, seconds={"a": 0.5}) for at in range(3)]
    for one in kept:
        keeping.keep(one)
    keeping.close()
    assert load(path) == kept
    path.write_bytes(path.read_bytes()[:-7])
    assert load(path) == kept[:2]
    assert load(tmp_path / "none") == []
