"""How wrong the length of an outage is: windows of known length, seen by three instruments at once."""

import asyncio
import http.client
import json
import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.measuring import Section, load, median, ms, share, table
from benchmarks.peers import peer, skipped
from faildrill import probing
from faildrill.judging.outages.bounds import outages
from faildrill.judging.outages.estimate import likely
from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.record.samples.columns import Columns
from faildrill.record.samples.columns import load as samples_of
from unit.probing.ground import Dark, Ground, Mode, ground

WINDOWS: Final = {False: 100, True: 5}
SHORTEST: Final = 0.05
LONGEST: Final = 5.0
APART: Final = 1.2
"""Seconds between two windows, at the least: more than the timeout, and than the interval of the slowest instrument."""
EVERY: Final = 0.001
SLOW: Final = 10_000_000
TIMEOUT: Final = 0.5
MODES: Final[dict[str, Mode]] = {"refused": "refused", "hung, then answering": "held", "hung, requests lost": "silent"}
AROUND: Final = 150_000_000
"""How much before and after a window is looked at, in ns."""
HEAD: Final = (
    "dark by",
    "instrument",
    "windows",
    "unseen",
    "error p50, ms",
    "p95, ms",
    "largest, ms",
    "truth in the bounds",
    "width of the bounds p50, ms",
)
TRIES: Final = 30
"""Seconds that an instrument may take to end."""


class Check(NamedTuple):
    """One check of a closed loop: when it began and ended (monotonic ns), and whether it was good."""

    began: int
    ended: int
    good: bool


def section(*, quick: bool) -> Section:
    """Measure each mode; all instruments look at the same windows, at the same time."""
    rows: list[list[str]] = []
    for title, mode in MODES.items():
        with tempfile.TemporaryDirectory() as name:
            rows += asyncio.run(_mode(title, mode, WINDOWS[quick], Path(name)))
    note = (
        f"{WINDOWS[quick]} windows a mode, {ms(SHORTEST)} ms to {LONGEST:g} s long (evenly in the logarithm), the "
        f"same for all; load {load()} at the end. faildrill looks {1 / EVERY:,.0f} times a second over fresh "
        f"connections, timeout {ms(TIMEOUT)} ms, `slow` 10 ms, weighed as in a drill; it reports the likeliest length "
        "between two bounds. The "
        "closed loop asks, waits for the answer or the timeout and 10 ms more, and takes the outage to last from the "
        "start of its first failed check to the end of the next good one, the kindest reading. Chaos Toolkit's "
        "continuous hypothesis is told a frequency of 10 ms and the same timeout, and its journal is read in the same "
        "way; `default` is its own frequency of 1 s. An outage that no check failed in is unseen: its error is its "
        "whole length.\n"
    )
    return Section("outages", "Error of an outage", table(HEAD, rows) + "\n" + note + skipped("chaos"))


async def _mode(title: str, mode: Mode, count: int, folder: Path) -> list[list[str]]:
    chance = random.Random(f"{title}")  # noqa: S311 - the same windows every time
    lengths = [float(np.exp(chance.uniform(np.log(SHORTEST), np.log(LONGEST)))) for _ in range(count)]
    length = sum(lengths) + (APART + 0.05) * (count + 1)
    reading, writing = os.pipe()
    with ground() as server:
        use = KindUse(kind="http.request", params={"url": server.url, "connection": "fresh"})
        plan = ProbePlan(name="look", use=use, every=EVERY, timeout=TIMEOUT)
        with (
            _closed(server) as loop,
            _chaos(server, folder, 0.01, length) as fast,
            _chaos(server, folder, 1, length) as usual,
        ):
            prober = await probing.start(folder, "probes", (plan,), "bench", reading)
            os.close(reading)
            try:
                truths = await asyncio.to_thread(_darken, server, mode, lengths, chance)
            finally:
                os.close(writing)
                await prober.wait()
    loops = {"closed loop, 10 ms": loop}
    if peer("chaos"):
        loops |= {"Chaos Toolkit, 10 ms": fast, "Chaos Toolkit, default": usual}
    looks = samples_of(folder)["look"]
    rows = ours((title, "faildrill"), truths, looks, silence(looks, truths[0].began[0], SLOW))
    return [*rows, *(closed((title, name), truths, checks) for name, checks in loops.items())]


def silence(columns: Columns, until: int, slow: int | None = None) -> int:
    """Return the ns after which silence is dark in a drill whose warm-up lasts until then; `slow`: what it says."""
    before = columns.between(0, until)
    return slow or 2 * int(np.max((before.answered - before.sent)[before.is_good]))


def _darken(server: Ground, mode: Mode, lengths: list[float], chance: random.Random) -> list[Dark]:
    time.sleep(APART)
    truths = []
    for length in lengths:
        truths.append(server.dark(mode, length))
        time.sleep(APART + chance.uniform(0, 0.1))
    return truths


def _length(truth: Dark) -> float:
    return (sum(truth.ended) - sum(truth.began)) / 2e9


def ours(
    names: tuple[str, str], truths: list[Dark], columns: Columns, slow: int, around: int = AROUND
) -> list[list[str]]:
    """Return two rows: the likeliest length, which faildrill reports, and the upper bound taken for the length."""
    likeliest, upper, widths, held, unseen = [], [], [], 0, 0
    for truth in truths:
        near = columns.between(truth.began[0] - around, truth.ended[1] + around)
        dark = [one for one in outages(near, slow) if _overlap(one.first_dark, one.last_dark, truth)]
        most, estimate = (dark[0].at_most, likely(near, dark[0])) if len(dark) == 1 else (None, None)
        if most is None or estimate is None:
            unseen += 1
            upper.append(_length(truth))
            likeliest.append(_length(truth))
            continue
        least = dark[0].at_least
        upper.append(abs(most / 1e9 - _length(truth)))
        likeliest.append(abs(estimate / 1e9 - _length(truth)))
        widths.append((most - least) / 1e9)
        widest, surely = truth.perhaps[1] - truth.perhaps[0], truth.surely[1] - truth.surely[0]
        held += least <= widest and most >= surely
    bounds = [f"{held} of {len(truths)}", ms(median(widths), 1)]
    readings = (("likeliest", likeliest), ("upper bound", upper))
    return [[*_row((names[0], f"{names[1]}, {name}"), errors, unseen), *bounds] for name, errors in readings]


def _overlap(first: int, last: int, truth: Dark) -> bool:
    return first <= truth.ended[1] and last >= truth.began[0]


def closed(names: tuple[str, str], truths: list[Dark], checks: Iterable[Check]) -> list[str]:
    """Return the row of an instrument that asks in a closed loop."""
    errors, unseen = [], 0
    known = sorted(checks)
    for truth in truths:
        near = [one for one in known if one.ended >= truth.began[0] and one.began <= truth.ended[1]]
        failed = [one for one in near if not one.good]
        after = next((one for one in known if failed and one.good and one.ended > failed[0].ended), None)
        if not failed or after is None:
            unseen += 1
            errors.append(_length(truth))
        else:
            errors.append(abs((after.ended - failed[0].began) / 1e9 - _length(truth)))
    return [*_row(names, errors, unseen), "no bounds", ""]


def _row(names: tuple[str, str], errors: list[float], unseen: int) -> list[str]:
    parts = (ms(share(errors, part), 2) for part in (0.5, 0.95, 1.0))
    return [*names, str(len(errors)), str(unseen), *parts]


@contextmanager
def _closed(server: Ground) -> Iterator[list[Check]]:
    """Ask in a closed loop while the block runs, as most scripts for such drills do."""
    checks: list[Check] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            began = time.monotonic_ns()
            good = _asked(server.port)
            checks.append(Check(began, time.monotonic_ns(), good))
            over.wait(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield checks
    finally:
        over.set()
        thread.join(TRIES)


def _asked(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (TimeoutError, OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _chaos(server: Ground, folder: Path, frequency: float, length: float) -> Iterator[list[Check]]:
    """Let Chaos Toolkit weigh its hypothesis over and over for so long; the checks are there when the block is over."""
    chaos = peer("chaos")
    checks: list[Check] = []
    if chaos is None:
        yield []
        return
    name = f"chaos-{frequency}"
    experiment, journal = folder / f"{name}.json", folder / f"{name}.journal.json"
    experiment.write_text(json.dumps(_experiment(server.url, length)), encoding="utf-8")
    options = ["--no-version-check", "--log-file", str(folder / f"{name}.log")]
    strategy = ["--hypothesis-strategy", "continuously", "--hypothesis-frequency", str(frequency)]
    command = [chaos, *options, "run", *strategy, "--journal-path", str(journal), str(experiment)]
    apart = time.time_ns() - time.monotonic_ns()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            time.sleep(1.5)
            yield checks
            process.wait(TRIES)
        finally:
            process.kill()
    said = json.loads(journal.read_text(encoding="utf-8")) if journal.exists() else {}
    checks += [
        _check(one, apart) for state in said.get("steady_states", {}).get("during", []) for one in state["probes"]
    ]


def _experiment(url: str, length: float) -> dict[str, object]:
    look = {"type": "http", "url": url, "timeout": TIMEOUT}
    hypothesis = {"title": "alive", "probes": [{"type": "probe", "name": "look", "tolerance": 200, "provider": look}]}
    idle = {"type": "python", "module": "os", "func": "getpid", "arguments": {}}
    method = [{"type": "action", "name": "wait", "provider": idle, "pauses": {"after": int(length) + 4}}]
    return {
        "version": "1.0.0",
        "title": "look",
        "description": "look all the while",
        "steady-state-hypothesis": hypothesis,
        "method": method,
    }


def _check(said: dict[str, object], apart: int) -> Check:
    began, ended = (round(_utc(str(said[edge])).timestamp() * 1e9) - apart for edge in ("start", "end"))
    return Check(began, ended, bool(said.get("tolerance_met")))


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
