"""Lines of access logs as HAProxy and NGINX write them, and files of them that are rotated, cut and torn."""

import asyncio
import os
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest

from faildrill.adapters.access_log.log_lines import COMBINED, NOBODY, Served, haproxy, nginx
from faildrill.adapters.access_log.log_tail import MOST, Tail
from faildrill.adapters.access_log.spread import Spread
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from support.hanging_files import hanging

GIVEN = CallContext(run="run-1", timeout=1.0, every=1.0)
SHORT = "$status $upstream_addr $upstream_response_time"
HEAD = "Feb  6 12:14:14 h haproxy[1]: 10.0.1.2:3 [06/Feb/2009:12:14:14.655] in"
JSON = '{"at":"$time_iso8601","to":"$upstream_addr","took":"$upstream_response_time","status":$upstream_status}'


def well(server: str, seconds: float | None) -> Served:
    return Served(server, failed=False, seconds=seconds)


def ill(server: str, seconds: float | None) -> Served:
    return Served(server, failed=True, seconds=seconds)


BOUND = Served("s1", failed=True, seconds=0.005, bound=True)


@pytest.mark.parametrize(
    ("line", "served"),
    [
        (f'{HEAD} static/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1"', well("s1", 0.069)),
        (f'{HEAD}~ static/s1 0/0/1/5/6 503 2 - - --VN 1/1/1/1/0 0/0 "GET / HTTP/1.1"', BOUND),
        (f'{HEAD} static/s2 0/0/-1/-1/+7 -1 0 - - CC-- 1/1/1/1/0 0/0 "GET / HTTP/1.1"', ill("s2", None)),
        (f'{HEAD} static/s1 0/0/1/5/6 200 2 a=b c=d --NI 1/1/1/1/+1 0/0 {{x}} "GET / HTTP/1.1"', well("s1", 0.005)),
        (f"{HEAD} static/pg1 0/0/5007 212 -- 0/0/0/0/3 0/0", well("pg1", 5.007)),
        (f"{HEAD} static/pg1 0/-1/3000 0 SC 0/0/0/0/3 0/0", ill("pg1", 3.0)),
    ],
)  # fmt: skip
def test_what_haproxy_says_of_a_request(line: str, served: Served) -> None:
    assert list(haproxy("static")(line)) == [served]
    assert list(haproxy(None)(line)) == [served]
    assert list(haproxy("other")(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        f'{HEAD} static/<NOSRV> 0/-1/-1/-1/0 302 27 - - LR-- 1/1/1/1/0 0/0 "GET / HTTP/1.1"',
        f'{HEAD} static/<STATS> 0/0/0/0/0 200 27 - - LR-- 1/1/1/1/0 0/0 "GET /;csv HTTP/1.1"',
        f'{HEAD} static/<PROMEX> 0/0/0/0/0 200 27 - - LR-- 1/1/1/1/0 0/0 "GET /metrics HTTP/1.1"',
        f'{HEAD} static/<LUA.echo> 0/0/0/0/0 200 27 - - LR-- 1/1/1/1/0 0/0 "GET / HTTP/1.1"',
        f"{HEAD} static/<CLI> 0/0/5 212 LR 0/0/0/0/3 0/0",
        "Feb  6 12:14:14 host haproxy[14]: Server static/s1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.",
        f"{HEAD} static/s1 10/0/30/69/109 20",
        "",
    ],
)
def test_what_is_no_request_to_a_server_counts_for_none(line: str) -> None:
    assert list(haproxy("static")(line)) == []
    assert list(haproxy(None)(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        f'{HEAD} static/<NOSRV> 0/-1/-1/-1/0 503 27 - - SC-- 1/1/1/1/0 0/0 "GET / HTTP/1.1"',
        f'{HEAD} static/<NOSRV> 0/5001/-1/-1/5001 503 27 - - sQ-- 1/1/1/1/0 0/0 "GET / HTTP/1.1"',
        f"{HEAD} static/<NOSRV> -1/-1/0 0 SC 0/0/0/0/3 0/0",
    ],
)
def test_a_request_that_haproxy_had_no_live_server_for_is_nobodys(line: str) -> None:
    assert list(haproxy("static")(line)) == [ill(NOBODY, None)]
    assert list(haproxy("other")(line)) == []


def test_a_request_that_nginx_had_no_live_server_for_is_nobodys_and_not_its_groups() -> None:
    head = '10.0.0.9 - - [06/Feb/2026:12:14:14 +0000] "GET / HTTP/1.1" 502 157 "-" "curl"'
    assert list(nginx(COMBINED)(f"{head} backend 502 0.000")) == [ill(NOBODY, None)]
    assert list(
        nginx(COMBINED)(f"{head} [2001:db8::1]:80, unix:/run/a, api.example:8080 502, 502, 502 0.1, 0.1, 0.0")
    ) == [
        ill("[2001:db8::1]:80", 0.1),
        ill("unix:/run/a", 0.1),
        ill(NOBODY, None),
    ]


def test_a_log_in_which_no_server_was_alive_half_of_the_time_shows_no_skew_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("")
    weights = {"10.0.0.1:80": 1, "10.0.0.2:80": 1}
    probe = Spread.model_validate({"path": str(log), "format": "nginx", "log_format": SHORT, "weights": weights})

    async def scene() -> tuple[Seen, Seen]:
        await probe.open(GIVEN)
        try:
            log.write_text("200 10.0.0.1:80 0.001\n200 10.0.0.2:80 0.001\n" * 100 + "502 backend 0.000\n" * 200)
            even = await probe.look(GIVEN)
            with log.open("a") as file:
                file.write("200 10.0.0.1:80 0.001\n" * 400 + "502 backend 0.000\n" * 150)
            return even, await probe.look(GIVEN)
        finally:
            await probe.close()

    even, skewed = asyncio.run(scene())
    assert (even.outcome, even.who, even.detail) == (Outcome.OK, "", "")
    assert (skewed.outcome, skewed.who) == (Outcome.WRONG, "10.0.0.1:80")
    assert skewed.detail.endswith("; no live server for some 200 requests")


def test_what_nginx_says_of_a_request_and_of_one_that_was_sent_again() -> None:
    read = nginx(COMBINED)
    head = '10.0.0.9 - - [06/Feb/2026:12:14:14 +0000] "GET /a b HTTP/1.1" 200 612 "-" "curl \\"8\\""'
    assert list(read(f"{head} 10.0.0.1:80 200 0.003")) == [well("10.0.0.1:80", 0.003)]
    assert list(read(f"{head} 10.0.0.1:80, 10.0.0.2:80 502, 200 0.100, 0.003")) == [
        ill("10.0.0.1:80", 0.1),
        well("10.0.0.2:80", 0.003),
    ]
    assert list(read(f"{head} unix:/run/a.sock : 10.0.0.2:80 504 : 200 2.000 : 0.003"))[1].server == "10.0.0.2:80"
    assert list(read(f"{head} - - -")) == []
    assert list(read(f"{head} 10.0.0.1:80 20")) == []


def test_any_format_of_nginx_will_do_that_says_who_answered() -> None:
    line = '{"at":"2026-11-22T10:00:00+00:00","to":"10.0.0.1:80","took":"-","status":502}'
    assert list(nginx(JSON)(line)) == [ill("10.0.0.1:80", None)]
    assert list(nginx("$status ${upstream_addr}")("502 10.0.0.1:80")) == [ill("10.0.0.1:80", None)]
    with pytest.raises(ValueError, match="upstream_addr"):
        nginx("$remote_addr $status")


@pytest.mark.parametrize("filler", ["a", '"', "\\", " - ", "[", ", ", ": "])
def test_a_line_that_somebody_made_up_takes_no_time_to_leave_out(filler: str) -> None:
    line = '1.2.3.4 - - [x] "' + filler * 20_000
    began = time.process_time()
    assert list(nginx(COMBINED)(line)) == []
    assert list(haproxy("static")(line)) == []
    assert time.process_time() - began < 1


def test_only_what_comes_after_the_beginning_is_read_and_only_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("old\n")
    tail = Tail(log)
    tail.begin()
    assert tail.lines() == []
    with log.open("a") as file:
        file.write("one\ntwo\nthr")
        file.flush()
        assert tail.lines() == ["one", "two"]
        file.write("ee\n")
    assert tail.lines() == ["three"]
    tail.close()


def test_rotation_loses_and_repeats_nothing(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("")
    tail = Tail(log)
    tail.begin()
    with log.open("a") as old:
        old.write("one\n")
        old.flush()
        log.rename(tmp_path / "access.log.1")
        old.write("two\n")
        old.flush()
        assert tail.lines() == ["one", "two"]
    with pytest.raises(FileNotFoundError):
        tail.lines()
    log.write_text("three\n")
    assert tail.lines() == ["three"]
    os.truncate(log, 0)
    assert tail.lines() == []
    log.write_text("four\n")
    assert tail.lines() == ["four"]
    tail.close()


def test_what_comes_too_fast_is_left_out_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("x" * 99 + "\n")
    tail = Tail(log)
    assert len(tail.lines()) == 1
    with log.open("a") as file:
        file.write(("y" * 99 + "\n") * (MOST // 100 + 1000))
    lines = tail.lines()
    assert tail.left_out > 0
    assert set(lines) == {"y" * 99}
    assert len(lines) <= MOST // 100
    tail.close()


@pytest.mark.timeout(20)
def test_a_log_whose_file_system_hangs_holds_up_no_other_probe(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.touch()
    probe = Spread(path=str(log), format="nginx", weights={"10.0.0.1:8080": 1.0})
    given = CallContext("run", timeout=5.0)

    async def beats_during(work: Awaitable[object]) -> int:
        """Count what else of this process gets its turn meanwhile."""
        beats, working = 0, asyncio.ensure_future(work)
        while not working.done():
            beats += 1
            await asyncio.sleep(0.01)
        return beats

    async def story() -> None:
        assert await beats_during(probe.open(given)) > 50
        seen = await probe.look(given)
        assert (seen.outcome, "does its file system hang?" in seen.detail) == (Outcome.BROKEN, True)

    with hanging(log):
        asyncio.run(story())
