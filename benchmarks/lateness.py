"""How punctual looks are, and what they cost: by the moments at which they arrive at a server of ours."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.measuring import Section, alternating, cpu_of, load, median, ms, ran, share, table
from benchmarks.peers import peer, skipped
from faildrill import probing
from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.record.samples.columns import load as samples_of

RATES: Final = (100, 1_000, 5_000)
SECONDS: Final = {False: 4.0, True: 1.5}
ROUNDS: Final = {False: 3, True: 1}
SETTLING: Final = 1.0
"""Seconds between the first request of a tool and its measurement."""
STARTING: Final = 20.0
"""Seconds that a tool may take to its first request."""
_BINS: Final = 40
_LOCUST: Final = """
from locust import FastHttpUser, constant_throughput, task

class Looker(FastHttpUser):
    wait_time = constant_throughput({each})

    @task
    def look(self):
        self.client.get("/")
"""
_K6: Final = """
import http from "k6/http"
export const options = {{scenarios: {{look: {{
    executor: "constant-arrival-rate", rate: {rate}, timeUnit: "1s", duration: "{seconds:.0f}s",
    preAllocatedVUs: 50, maxVUs: 200
}}}}}}
export default function () {{ http.get("{url}") }}
"""
_WAKE: Final = """
import os, sys, time
if sys.argv[3] == "first":
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
every, late = 1 / float(sys.argv[1]), []
due = time.monotonic() + every
end = due + float(sys.argv[2])
while due < end:
    time.sleep(max(0.0, due - time.monotonic()))
    late.append(time.monotonic() - due)
    due += every
late.sort()
print(*(late[int(part * (len(late) - 1))] for part in (0.5, 0.99, 1.0)), time.process_time() / len(late) * 1e4)
"""
"""What wakes at a rate and does nothing else: how late the machine itself is."""
_BUSY: Final = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    sum(number * number for number in range(10_000))
"""


class Paced(NamedTuple):
    """What one tool did in one go."""

    rate: float
    lateness: list[float]
    """Seconds by which each request arrived later than its place in an even schedule."""
    cpu: float
    """Seconds of a processor for 10,000 requests."""
    own: float = float("nan")
    """For ours: the 99th percentile of its lateness as its samples tell it."""


def section(*, quick: bool) -> Section:
    """Measure every tool at every rate, idle and beside a busy process."""
    rows = []
    with tempfile.TemporaryDirectory() as name, arrivals() as server:
        for rate in RATES:
            for beside in (False, True):
                tools = _tools(server, rate, Path(name), SECONDS[quick])
                length = (SECONDS[quick] + SETTLING + STARTING) * len(tools) * ROUNDS[quick]
                with busy(length) if beside else nullcontext():
                    found = alternating(tools, ROUNDS[quick])
                    own = [_machine(rate, SECONDS[quick], which) for which in ("first", "usual")]
                rows += [_row(rate, "busy" if beside else "idle", tool, some) for tool, some in found.items()]
                rows += [[f"{rate:,}", "busy" if beside else "idle", *one] for one in own]
        rows.append(_closed_loop(server))
    head = ["asked for, /s", "machine", "tool", "reached, /s", "lateness p50, ms", "p99, ms", "largest, ms"]
    head += ["own p99, ms", "CPU for 10,000, s"]
    note = (
        f"Medians of {ROUNDS[quick]} alternating runs of {SECONDS[quick]:g} s each; load {load()} at the end. "
        "Lateness is that of a request's arrival at one server of ours behind the schedule that was asked for, "
        "the same for all; a tool that keeps no schedule is half an interval behind in the median, and what it "
        "left out shows in the rate. `own` is sent minus due, as the samples of faildrill tell it. Busy: beside "
        "one process that computes without a pause on one processor at usual priority, as a playbook does in its "
        "worst moments. faildrill takes the lowest real-time priority where it is allowed to, as it was here if "
        "the row `usual priority` differs: that row is the same prober with that taken away. CPU is that of the "
        "tool alone, its start left out; faildrill's includes recording. `waking only` is a program that sleeps until "
        "each look would be due and does nothing else, with that priority and without: how late the machine itself is. "
        "wrk sends as fast as it can and keeps no pace: its CPU is what a look could cost at the least.\n"
    )
    text = table(head, rows) + "\n" + note + skipped("vegeta", "k6", "wrk2", "locust", "hey", "wrk")
    return Section("lateness", "Punctuality and cost of looks", text)


def _row(rate: int, machine: str, tool: str, some: list[Paced]) -> list[str]:
    return [
        f"{rate:,}",
        machine,
        tool,
        f"{median(one.rate for one in some):,.0f}",
        *(ms(median(share(one.lateness, part) for one in some), 2) for part in (0.5, 0.99, 1.0)),
        ms(median(one.own for one in some), 2),
        f"{median(one.cpu for one in some):.2f}",
    ]


def _tools(server: Arrivals, rate: int, folder: Path, seconds: float) -> dict[str, Callable[[], Paced]]:
    measured = partial(_measured, server, seconds, rate)
    tools: dict[str, Callable[[], Paced]] = {
        "faildrill": partial(_ours, server, rate, folder, seconds),
        "faildrill, usual priority": partial(_ours, server, rate, folder, -seconds),
    }
    if locust := peer("locust"):
        file = folder / f"locustfile{rate}.py"
        users = max(1, rate // 500)
        file.write_text(_LOCUST.format(each=rate / users), encoding="utf-8")
        command = [locust, "-f", str(file), "--headless", "--only-summary", "-u", str(users), "-r", str(users)]
        tools["Locust"] = partial(
            measured, [*command, "-H", server.url.rstrip("/"), "-t", f"{seconds + STARTING:.0f}s"]
        )
    for name, command in _commands(server.url, rate, folder, f"{seconds + STARTING:.0f}s").items():
        if program := peer(name):
            tools[name] = partial(measured, [program, *command])
    return tools


def _commands(url: str, rate: int, folder: Path, length: str) -> dict[str, list[str]]:
    """Return how each tool is told to ask at a rate for so long; each records what it saw, as it does usually."""
    targets, script = folder / "targets", folder / f"k6-{rate}.js"
    targets.write_text(f"GET {url}\n", encoding="utf-8")
    script.write_text(_K6.format(rate=rate, seconds=float(length[:-1]), url=url), encoding="utf-8")
    lasting = ["-duration", length, "-targets", str(targets), "-output", str(folder / "vegeta.bin")]
    return {
        "vegeta": ["attack", "-rate", f"{rate}/s", *lasting],
        "k6": ["run", "--quiet", "--no-usage-report", "--no-summary", str(script)],
        "wrk2": ["-t", "1", "-c", "1", "-d", length, "-R", str(rate), url],
        "hey": ["-c", "1", "-q", str(rate), "-z", length, url],
    }


def _machine(rate: int, seconds: float, which: str) -> list[str]:
    """Return the row of what only wakes, first in line or at usual priority."""
    try:
        said = ran([sys.executable, "-c", _WAKE, str(rate), str(seconds), which]).output
    except subprocess.CalledProcessError:
        return [f"waking only, {which} priority", *["-"] * 6]
    *late, cpu = (float(one) for one in said.split())
    return [f"waking only, {which} priority", f"{rate:,}", *(ms(one, 2) for one in late), "-", f"{cpu:.2f}"]


def _ours(server: Arrivals, rate: int, folder: Path, seconds: float) -> Paced:
    """Look with a real prober; negative seconds: at usual priority."""
    fresh = folder / f"{time.monotonic_ns()}"
    fresh.mkdir()
    return asyncio.run(_looking(server, rate, fresh, seconds))


async def _looking(server: Arrivals, rate: int, folder: Path, seconds: float) -> Paced:
    use = KindUse(kind="http.request", params={"url": server.url, "connection": "kept"})
    plan = ProbePlan(name="look", use=use, every=1 / rate, timeout=0.5)
    reading, writing = os.pipe()
    process = await probing.start(folder, "probes", (plan,), "bench", reading)
    os.close(reading)
    try:
        if seconds < 0:
            os.sched_setscheduler(process.pid, os.SCHED_OTHER, os.sched_param(0))
        found, began = await asyncio.to_thread(_window, server, process.pid, abs(seconds), rate)
    finally:
        os.close(writing)
        await process.wait()
    looks = samples_of(folder)["look"]
    looks = looks.where(looks.is_look & (looks.due >= began))
    return found._replace(own=float(np.percentile(looks.sent - looks.due, 99)) / 1e9)


def _measured(server: Arrivals, seconds: float, rate: int, command: list[str]) -> Paced:
    """Start a tool and measure it once it is going."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + STARTING
            while not server.taken() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(SETTLING)
            return _window(server, process.pid, seconds, rate)[0]
        finally:
            process.send_signal(signal.SIGKILL)


def _window(server: Arrivals, pid: int, seconds: float, rate: int) -> tuple[Paced, int]:
    time.sleep(0.5)
    server.taken()
    began, before = time.monotonic_ns(), cpu_of(pid)
    time.sleep(seconds)
    used = cpu_of(pid) - before
    came = np.array(server.taken(), dtype=np.int64)
    if len(came) < 2:  # noqa: PLR2004 - of one request nothing can be told
        return Paced(0.0, [], float("nan")), began
    return Paced(len(came) / seconds, _lateness(came, rate), used / len(came) * 10_000), began


def _lateness(came: "np.typing.NDArray[np.int64]", rate: int) -> list[float]:
    """Return how many seconds each arrival is behind its place in the schedule that was asked for.

    The schedule begins with the offset at which most arrive; a quarter of an interval before that is punctual too.
    Seen from the end, each arrival takes the last place that is over and not taken: what comes in a burst was late,
    what was left out is not counted but lowers the rate.
    """
    every = 1e9 / rate
    offsets = (came - came[0]) % every
    counts, edges = np.histogram(offsets, bins=_BINS, range=(0, every))
    start = edges[int(np.argmax(counts))]
    late, before = [], int(1e18)
    for at in (came[::-1] - came[0]).tolist():
        place = min(int((at - start + every / 4) // every), before - 1)
        late.append(max(0.0, at - start - place * every) / 1e9)
        before = place
    return late


def _closed_loop(server: Arrivals) -> list[str]:
    """Run wrk, which keeps no pace."""
    wrk, seconds = peer("wrk"), 4
    if wrk is None:
        return ["", "", "wrk", *["-"] * 6]
    server.taken()
    done = ran([wrk, "-t", "1", "-c", "1", "-d", f"{seconds}s", server.url])
    count = len(server.taken())
    return [
        "all it can",
        "idle",
        "wrk, one connection",
        f"{count / seconds:,.0f}",
        *["-"] * 4,
        f"{done.cpu / count * 1e4:.2f}",
    ]


@contextmanager
def busy(longest: float) -> Iterator[None]:
    """Let one process compute on one processor while the block runs; it ends by itself in any case."""
    command = [sys.executable, "-c", _BUSY, str(longest), "a busy process, to stand for a playbook"]
    with subprocess.Popen(command, preexec_fn=partial(os.sched_setaffinity, 0, {0})) as process:  # noqa: PLW1509 - one thread
        try:
            yield
        finally:
            process.kill()
