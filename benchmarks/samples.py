"""What samples cost: to write one, and to judge and report very many."""

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.measuring import FAILDRILL, PYTHON, Section, alternating, load, median, ms, ran, table
from faildrill.samples import SIZE, Files, Outcome, Recorder, Sample
from unit.judging.runs import END, Run, ns, probe

COUNTS: Final = {False: (1_000_000, 10_000_000), True: (100_000,)}
ROUNDS: Final = 3
WRITTEN: Final = 200_000
_JUDGED: Final = """
import resource, sys, time
from pathlib import Path
from faildrill.judging import judge
folder = Path(sys.argv[1])
start = time.process_time()
result = judge(folder)
took = time.process_time() - start
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(result.findings))
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
        "its imports; `judge` and `report` are the whole commands, `report` judging too. The run has one probe, "
        "an outage of 3 s and four expectations. One write a sample is what the prober does when one look ends in "
        "a turn of its loop; several that end together share it. What is written survives kill -9.\n"
    )
    text = table(["samples a write", "ns of CPU a sample"], written) + "\n" + table(head, judged) + "\n" + note
    return Section("samples", "Samples: written, judged, reported", text)


def _looks(count: int) -> Iterator[Sample]:
    every = (ns(END) - ns(0.4)) // count
    dark = range(ns(5.0), ns(8.0))
    for due in islice(range(ns(0.4), ns(END), every), count):
        bad = due in dark
        yield Sample(
            "pay", due, due + 90_000, due + 400_000, Outcome.REFUSED if bad else Outcome.OK, "" if bad else "s1"
        )


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
    run = Run(expect=expect, probes=[probe(every=END / count)]).usual()
    run.write(folder)
    recorder = Recorder(Files(folder))
    for number, look in enumerate(_looks(count)):
        recorder.keep(look)
        if number % 1000 == 0:
            recorder.flush()
    recorder.close()
    commands = {name: partial(ran, [FAILDRILL, name, str(folder)]) for name in ("judge", "report")}
    commands["judging"] = partial(ran, [PYTHON, "-c", _JUDGED, str(folder)])
    found = alternating(commands, ROUNDS)
    took, memory = (median(float(one.output.split()[place]) for one in found["judging"]) for place in (0, 1))
    page = (folder / "report.html").stat().st_size
    walls = (f"{median(one.wall for one in found[name]):.2f}" for name in ("judge", "report"))
    return [f"{count:,}", f"{count * SIZE / 1e6:,.0f}", ms(took, 1), f"{memory:,.0f}", *walls, f"{page / 1e3:,.0f}"]
