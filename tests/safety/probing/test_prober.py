import asyncio
import fcntl
import os
import signal
import socket
import time
from itertools import pairwise
from pathlib import Path

import pytest

from faildrill import probing
from faildrill.judging.outages.bounds import outages
from faildrill.model.drill import ProbePlan
from faildrill.ports import causes
from faildrill.ports.target import KindUse
from faildrill.record.samples import RECORD, SEEN_LATE, SIZE, Outcome
from faildrill.record.samples.columns import load
from unit.probing.ground import ground
from unit.probing.watched import MILLISECOND, now, plan, watching


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_looks_are_due_at_a_fixed_rate_on_an_absolute_schedule(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url, every=0.005)], settle=0.3) as watched:
                pass
        dues = sorted(sample.due for sample in watched.of())
        assert {later - due for due, later in pairwise(dues)} == {5 * MILLISECOND}
        assert len(dues) >= 100
        assert all(sample.due <= sample.sent <= sample.answered for sample in watched.of() if sample.outcome.is_look)
        good = [sample for sample in watched.of() if sample.outcome is Outcome.OK]
        assert {sample.who for sample in good} == {"s1"}
        assert len([sample for sample in good if sample.detail == ""]) > len(good) * 0.8

    asyncio.run(scene())


def test_the_end_of_its_lifeline_ends_it_after_the_looks_under_way(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            server.turn("silent")
            async with watching(tmp_path, [plan(url=server.url, every=0.05, timeout=0.3)]) as watched:
                told = now()
        assert watched.status == 0
        assert watched.log == ""
        assert watched.counts()[Outcome.TIMED_OUT] == len(watched.of())
        assert max(sample.answered for sample in watched.of()) > told

    asyncio.run(scene())


def test_sigterm_ends_it_and_a_terminals_signals_dont(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url)]) as watched:
                assert os.getsid(watched.process.pid) == watched.process.pid
                watched.process.send_signal(signal.SIGINT)
                watched.process.send_signal(signal.SIGHUP)
                await asyncio.sleep(0.1)
                assert watched.process.returncode is None
                watched.process.terminate()
                assert await asyncio.wait_for(watched.process.wait(), 2) == 0

    asyncio.run(scene())


def test_a_hanging_probe_and_a_refused_one_never_delay_another(tmp_path: Path) -> None:
    """Case 2 and 6 of the field: a probe out of tolerance starved the others, a silent server hung the run."""

    async def scene() -> None:
        with ground() as silent, ground() as good:
            silent.turn("silent")
            plans = [
                plan("hung", url=silent.url, every=0.01, timeout=0.2),
                plan("refused", url=f"http://127.0.0.1:{closed_port()}/", every=0.01),
                plan("good", url=good.url, every=0.01),
            ]
            async with watching(tmp_path, plans, settle=0.5) as watched:
                pass
        count = len(watched.of("good"))
        assert count >= 95
        assert watched.counts("good")[Outcome.OK] >= count * 0.95
        assert watched.counts("refused")[Outcome.REFUSED] >= count * 0.95
        assert abs(len(watched.of("hung")) - count) <= 2
        assert set(watched.counts("hung")) <= {Outcome.TIMED_OUT, Outcome.SKIPPED}

    asyncio.run(scene())


def test_a_server_that_accepts_and_never_answers_is_a_bad_sample_at_its_deadline(tmp_path: Path) -> None:
    """Case 6 of the field: without a timeout the run never ended."""

    async def scene() -> None:
        with ground() as server:
            server.turn("silent")
            async with watching(tmp_path, [plan(url=server.url, every=0.05, timeout=0.1)], settle=0.3) as watched:
                pass
        assert watched.counts()[Outcome.TIMED_OUT] >= 4
        for sample in watched.of():
            assert sample.outcome is Outcome.TIMED_OUT
            assert 99 * MILLISECOND <= sample.answered - sample.sent <= 350 * MILLISECOND

    asyncio.run(scene())


def test_refused_reset_silent_and_http_500_are_told_apart(tmp_path: Path) -> None:
    """Case 14 of the field: all of them became 500."""

    async def scene() -> None:
        with ground() as reset, ground() as silent, ground() as wrong:
            reset.turn("reset")
            silent.turn("silent")
            wrong.turn("500")
            plans = [
                plan("reset", url=reset.url),
                plan("silent", url=silent.url, timeout=0.1),
                plan("wrong", url=wrong.url),
                plan("refused", url=f"http://127.0.0.1:{closed_port()}/"),
                plan("nowhere", url="http://nowhere.invalid/", every=0.1),
            ]
            async with watching(tmp_path, plans, settle=0.2) as watched:
                pass
        found = {one.name: watched.kinds(one.name) for one in plans}
        assert found["reset"] == {(Outcome.RESET, "reset without an answer")}
        assert found["silent"] == {(Outcome.TIMED_OUT, "")}
        assert found["wrong"] == {(Outcome.WRONG, "HTTP 500")}
        assert found["refused"] == {(Outcome.REFUSED, "")}
        assert found["nowhere"] <= {
            (Outcome.UNREACHABLE, "the name does not resolve"),
            (Outcome.TIMED_OUT, causes.NO_RESOLVER),
        }

    asyncio.run(scene())


def test_one_bad_look_between_good_ones_is_recorded(tmp_path: Path) -> None:
    """Case 13 of the field: no record was kept of it."""

    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url, every=0.05)], settle=0.2) as watched:
                await asyncio.to_thread(server.dark, "500", 0.05)
                await asyncio.sleep(0.1)
        row = [sample.outcome for sample in watched.of()]
        assert row.count(Outcome.WRONG) == 1
        at = row.index(Outcome.WRONG)
        assert row[at - 1] is row[at + 1] is Outcome.OK

    asyncio.run(scene())


def test_an_outage_that_is_over_by_the_end_is_seen_whole(tmp_path: Path) -> None:
    """Case 1 of the field: an outage of seconds during the method left no trace in the verdict."""

    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url, every=0.01)]):
                truth = await asyncio.to_thread(server.dark, "refused", 0.5)
        found = outages(load(tmp_path)["pay"], 50 * MILLISECOND)
        assert len(found) == 1
        assert found[0].at_most is not None
        assert found[0].at_least <= truth.perhaps[1] - truth.perhaps[0]
        assert found[0].at_most >= truth.surely[1] - truth.surely[0]

    asyncio.run(scene())


def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url, every=0.002)], settle=0.2) as watched:
                watched.process.kill()
                killed = now()
        last = max(sample.answered for sample in watched.of())
        assert killed - last < 20 * MILLISECOND
        assert len(watched.of()) >= 80

    asyncio.run(scene())


def test_a_probe_that_cant_look_breaks_its_own_samples_only(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            unknown = ProbePlan(name="unknown", use=KindUse(kind="http.reqest"), every=0.02, timeout=0.1)
            plans = [
                plan("good", url=server.url),
                plan("secret", url=server.url, secret_headers={"Authorization": "env:NO_SUCH_SECRET"}, every=0.02),
                plan("params", url=server.url, colour="red", every=0.02),
                unknown,
            ]
            async with watching(tmp_path, plans, settle=0.2) as watched:
                pass
        assert watched.status == 0
        assert watched.counts("good")[Outcome.OK] > 50
        for name, why in (("secret", "export NO_SUCH_SECRET"), ("params", "colour"), ("unknown", "did you mean")):
            assert set(watched.counts(name)) == {Outcome.BROKEN}
            assert why in watched.of(name)[0].detail

    asyncio.run(scene())


def test_it_is_given_only_the_secrets_that_its_plan_refers_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_TOKEN", "canary-1")
    monkeypatch.setenv("OTHER_TOKEN", "canary-2")

    async def scene() -> None:
        with ground() as server:
            params = {"secret_headers": {"Authorization": "env:PAY_TOKEN"}}
            async with watching(tmp_path, [plan(url=server.url, **params)]) as watched:  # type: ignore[arg-type]
                environment = watched.environment()
        assert "PAY_TOKEN=canary-1" in environment
        assert "canary-2" not in environment
        assert watched.counts()[Outcome.OK]

    asyncio.run(scene())
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()


def test_a_prober_that_does_not_start_says_why_and_is_gone(tmp_path: Path) -> None:
    async def scene() -> None:
        reading, writing = os.pipe()
        (tmp_path / "probes.samples").mkdir()
        with pytest.raises(probing.ProberNotStarted, match=r"ended with 1; .*probes.log ends with: IsADirectoryError"):
            await probing.start(tmp_path, "probes", (plan(url="http://127.0.0.1:1/"),), "run-1", reading)
        os.close(reading)
        os.close(writing)

    asyncio.run(scene())


def test_when_it_is_held_up_itself_it_says_so_and_proves_no_darkness(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            server.turn("slow")
            async with watching(tmp_path, [plan(url=server.url, every=0.005, timeout=0.06)], settle=0.3) as watched:
                for _ in range(5):
                    watched.process.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(0.1)
                    watched.process.send_signal(signal.SIGCONT)
                    await asyncio.sleep(0.1)
        missed = [sample for sample in watched.of() if sample.detail == "the prober itself was late"]
        assert len(missed) >= 5 * 15
        assert set(watched.counts()) == {Outcome.OK, Outcome.SKIPPED}, "what came while it was held up is read first"
        assert len([sample for sample in watched.of() if sample.detail == SEEN_LATE]) >= 5
        assert outages(load(tmp_path)["pay"], 50 * MILLISECOND) == []

    asyncio.run(scene())


def test_blocking_probes_get_a_prober_of_their_own() -> None:
    plans = (plan("a", url="http://127.0.0.1/"), ProbePlan(name="b", use=KindUse(kind="no.such"), every=1, timeout=1))
    assert {name: [one.name for one in some] for name, some in probing.split(plans).items()} == {"probes": ["a", "b"]}


@pytest.mark.parametrize("mode", ["drip", "endless"])
def test_an_answer_without_end_ends_with_flat_memory(mode: str, tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            server.turn(mode)  # type: ignore[arg-type]
            async with watching(tmp_path, [plan(url=server.url, every=0.1, timeout=0.2, text="never said")]) as watched:
                before = _resident(watched.process.pid)
                await asyncio.sleep(1.0)
                grown = _resident(watched.process.pid) - before
        assert grown < 4 << 20
        wanted = {"drip": {Outcome.TIMED_OUT}, "endless": {Outcome.WRONG}}[mode]
        assert set(watched.counts()) == wanted
        assert max(sample.answered - sample.sent for sample in watched.of()) < 450 * MILLISECOND

    asyncio.run(scene())


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_blocks_makes_no_look_late(tmp_path: Path) -> None:
    """A pipe that nobody reads, of one page: writing to it blocks as it does to a disk that doesn't answer."""

    async def scene() -> None:
        os.mkfifo(tmp_path / "probes.samples")
        disk = os.open(tmp_path / "probes.samples", os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(disk, fcntl.F_SETPIPE_SZ, 4096)
        with ground() as server:
            reading, writing = os.pipe()
            process = await probing.start(tmp_path, "probes", (plan(url=server.url, every=0.01),), "run-1", reading)
            os.close(reading)
            await asyncio.sleep(3.0)  # of these looks, the pipe takes those of 1.28 s
            sent = server.count("requests")
            read = await asyncio.to_thread(_drained, disk, 1.0)
            os.close(writing)
            await process.wait()
            read += _drained(disk, 0.0)
        os.close(disk)
        looks = [one for one in read if one[1] >> 48 & 0xFF == Outcome.OK]
        assert sent > 250, "looks went on at their rate"
        late = sorted(sent - due for due, sent in ((one[0], one[2]) for one in looks))
        assert len(looks) > 350
        assert late[len(late) * 9 // 10] < 10 * MILLISECOND

    asyncio.run(scene())


def _drained(disk: int, seconds: float) -> list[tuple[int, int, int]]:
    """Read what is there, and what comes for so long: due, the last word and sent of each record."""
    content, end = bytearray(), time.monotonic() + seconds
    while True:
        try:
            content += os.read(disk, 4096)
        except BlockingIOError:
            if time.monotonic() > end:
                break
            time.sleep(0.01)
    return [(due, tail, sent) for due, sent, _, tail in RECORD.iter_unpack(content[: len(content) // SIZE * SIZE])]


def test_a_disk_that_is_full_ends_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "probes.samples").symlink_to("/dev/full")
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url)], settle=0.3) as watched:
                pass
        assert watched.status == 0
        refused, lost = watched.log.splitlines()
        assert refused == "samples can't be written (No space left on device); kept and tried again"
        assert lost == "the last samples are lost: No space left on device"

    asyncio.run(scene())
