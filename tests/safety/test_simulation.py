"""The engine in worlds that lie, hang, act late and break: thousands of seeds, each printed when it finds something."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forks import spread
from simulation import broken_promises, live


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    monkeypatch.setenv("FAILDRILL_STATE", str(folder / "state"))
    yield folder
    shutil.rmtree(folder)


def weigh(seed: int, ground: Path, **parts: object) -> str:
    """Live through a seed and say what it broke; `ok` when nothing."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    try:
        lived = live(seed, folder, **parts)  # type: ignore[arg-type]  # parts of the engine, by name
        broken = list(broken_promises(lived))
        return f"seed {seed}: {'; '.join(broken)}" if broken else f"ok {lived.verdict}"
    finally:
        shutil.rmtree(folder)


def weigh_some(seeds: range, ground: Path, **parts: object) -> str:
    """Weigh a stretch of seeds; return what they broke, one after the other, or the verdicts."""
    said = [weigh(seed, ground, **parts) for seed in seeds]
    return " || ".join(one for one in said if not one.startswith("ok")) or " ".join(one[3:] for one in said)


def test_no_world_breaks_a_promise(ground: Path, soaking: bool, figure: Callable[[str], None]) -> None:  # noqa: FBT001
    many = 50_000 if soaking else 2_000
    stretches = [range(first, first + 50) for first in range(0, many, 50)]
    said = spread([_weighing(stretch, ground) for stretch in stretches])
    broken = [one for one in said if "seed" in one or "broke" in one]
    verdicts = " ".join(said).split()
    counts = ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts))) if not broken else "see above"
    figure(f"simulated worlds: {len(broken)} broken promises in {many} seeds: {counts}")
    assert broken == []


def _weighing(seeds: range, ground: Path) -> Callable[[], str]:
    return lambda: weigh_some(seeds, ground)
