"""What samples cost: to write one, and to judge and report very many."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.measuring import FAILDRILL, PYTHON, Section, alternating, load, median, ms, ran, table
from faildrill.record.samples import SIZE, Files, Outcome, Recorder, Sample
from unit.judging.runs import END, Run, ns, probe

COUNTS: Final = {False: (1_000_000, 10_000_000, 100_000_000), True: (100_000,)}
ROUNDS: Final = 3
WRITTEN: Final = 200_000
EVERY: Final = 1_000_000
"""Nanoseconds between two looks: a thousand a second, so that 10^8 of them are a day and four hours."""
_DARK: Final = (ns(5.0), ns(8.0))
_AT_ONCE: Final = 1 << 20
_LONGEST: Final = 600.0
"""Seconds that a command may take: 10^8 samples are 3.2 GB, read several times, on a machine that may be busy."""
_JUDGED: Final = """
import sys, time
from pathlib import Path
from faildrill.judging import judge
folder = Path(sys.argv[1])
judge(Path(sys.argv[2]))  # imports what judging needs only when it is asked for
start = time.process_time()
result = judge(folder)
took = time.process_time() - start
own = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]  # rusage tells of who started it, too
print(took, int(own) / 1024, len(result.findings))
"""


def section(*, quick: bool) -> Section:
    """Measure writing by batches, judging and reporting by number."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writing = {batch: partial(_written, folder, batch) for batch in (1, 5, 100)}
        written = [[f"{batch}", f"{median(some) * 1e9:,.0f}"] for batch, some in alternating(writing, ROUNDS).items()]
        judged = [_judged(folder / f"run{count}", count) for count in COUNTS[quick]]
    head = [
        "samples",
        "file, MB",
        "judging, ms of CPU",
        "its memory, MiB",
        "`judge`, s",
        "`report`, s",
        "report.html, KB",
    ]
    note = (
        f"Medians of {ROUNDS} runs; load {load()} at the end. Judging is the pure function, in a process that has "
        "its imports; a day of a thousand looks a second is 86 million. `judge` and `report` are the whole commands, "
        "`report` judging too. The run has one probe, an outage of 3 s and four expectations. One write a sample is "
        "what the prober does when one look ends in a turn of its loop; several that end together share it. What is "
        "written survives kill -9.\n"
    )
    text = table(["samples a write", "ns of CPU a sample"], written) + "\n" + table(head, judged) + "\n" + note
    return Section("samples", "Samples: written, judged, reported", text)


def _looks(count: int) -> Iterator[Sample]:
    for due in islice(range(ns(0.4), ns(END), EVERY // 10), count):
        yield Sample("pay", due, due + 90_000, due + 400_000, Outcome.OK, "s1")


def _record(folder: Path, count: int) -> None:
    """Write samples as a prober would, but many at once: sent 20 to 150 µs late, answered 0.2 to 0.9 ms after."""
    recorder = Recorder(Files(folder))
    for outcome, who in ((Outcome.OK, "s1"), (Outcome.REFUSED, "")):
        recorder.record(Sample("pay", 1, 1, 1, outcome, who))
    recorder.close()
    path = Files(folder).samples
    good, bad = np.fromfile(path, np.uint64).reshape(-1, SIZE // 8)[:, 3] & np.uint64((1 << 56) - 1)
    chance = np.random.default_rng(1)
    with path.open("wb") as file:
        for first in range(0, count, _AT_ONCE):
            words = np.empty((min(_AT_ONCE, count - first), SIZE // 8), np.uint64)
            due = ns(0.4) + EVERY * np.arange(first, first + len(words))
            words[:, 0] = due
            words[:, 1] = due + chance.integers(20_000, 150_000, len(words))
            words[:, 2] = words[:, 1] + chance.integers(200_000, 900_000, len(words)).astype(np.uint64)
            words[:, 3] = np.where((due >= _DARK[0]) & (due < _DARK[1]), bad, good)
            folded = np.bitwise_xor.reduce(words, axis=1)
            for shift in (32, 16, 8):
                folded ^= folded >> np.uint64(shift)
            words[:, 3] |= (folded & np.uint64(0xFF) ^ np.uint64(0xA5)) << np.uint64(56)
            words.tofile(file)


def _written(folder: Path, batch: int) -> float:
    """Return the seconds of a processor that a sample costs, handed to the kernel with each `batch` of them."""
    looks = list(_looks(WRITTEN))
    recorder = Recorder(Files(folder, f"{time.monotonic_ns()}"))
    start = time.process_time()
    for number, look in enumerate(looks, 1):
        recorder.keep(look)
        if number % batch == 0:
            recorder.flush()
    took = time.process_time() - start
    recorder.close()
    return took / WRITTEN


def _judged(folder: Path, count: int) -> list[str]:
    expect = [
        {"outage": {"of": "pay", "at_most": "30s"}},
        {"errors": {"of": "pay", "at_most": "50%"}},
        {"latency": {"of": "pay", "p99": "1s", "when": "before"}},
        {"steady_again": {"within": "60s"}},
    ]
    run = Run(expect=expect, probes=[probe(every=EVERY / 1e9)]).usual()
    run.write(folder)
    small = run.write(folder.with_name("small"))
    _record(folder, count)
    commands = {name: partial(ran, [FAILDRILL, name, str(folder)], within=_LONGEST) for name in ("judge", "report")}
    commands["judging"] = partial(ran, [PYTHON, "-c", _JUDGED, str(folder), str(small)])
    found = alternating(commands, ROUNDS)
    took, memory = (median(float(one.output.split()[place]) for one in found["judging"]) for place in (0, 1))
    size = f"{(folder / 'report.html').stat().st_size / 1e3:,.0f}"
    shutil.rmtree(folder)
    shutil.rmtree(small)
    walls = (f"{median(one.wall for one in found[name]):.2f}" for name in ("judge", "report"))
    return [f"{count:,}", f"{count * SIZE / 1e6:,.0f}", ms(took, 1), f"{memory:,.0f}", *walls, size]
