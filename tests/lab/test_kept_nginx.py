"""A healthy NGINX that is far away ends kept connections, as servers do: nobody takes that for an outage."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core.port_reservations import Reservations
from faildrill.lab.stores.system_programs import program
from faildrill.record.samples import ASKED_AGAIN, Outcome
from support.far import far
from unit.probing.watched import Watched, plan, watching

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
IDLE = 0.2
"""Seconds after which it ends an idle connection."""
WAY = 0.015
TOLD = "the server was ending the connection"


class Nginx:
    """An NGINX of one page."""

    def __init__(self, folder: Path, binary: Path, port: int) -> None:
        self.port = port
        config = folder / "nginx.conf"
        config.write_text(
            f"pid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 2;\nevents {{}}\n"
            f"http {{\n  access_log off;\n  client_body_temp_path {folder}/body;\n"
            f"  keepalive_timeout {IDLE * 1000:.0f}ms;\n  keepalive_requests 40;\n"
            "  limit_req_zone $binary_remote_addr zone=all:1m rate=10r/s;\n"
            f"  server {{ listen 127.0.0.1:{port};\n"
            '    location / { return 200 "ok\\n"; }\n'
            "    location /limited { limit_req zone=all; limit_req_status 429; add_header Retry-After 1 always;\n"
            "      try_files /none @ok; }\n"
            '    location @ok { return 200 "ok\\n"; }\n  }\n}\n'
        )
        self.process = subprocess.Popen([binary, "-c", config, "-g", "daemon off;"], stderr=subprocess.DEVNULL)

    def reload(self) -> None:
        """Have new workers take over, as after a change of its files; the old ones end their idle connections."""
        self.process.send_signal(signal.SIGHUP)

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    try:
        binary = program("nginx", "nginx")
    except FaildrillError as error:
        pytest.skip(str(error))
    reservations = Reservations()
    (tmp_path / "nginx").mkdir()
    here = Nginx(tmp_path / "nginx", binary, reservations.port("front"))
    try:
        deadline = time.monotonic() + 20
        while not here.answers():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield here
    finally:
        os.kill(here.process.pid, signal.SIGTERM)
        here.process.wait(20)
        reservations.close()


def looked(nginx: Nginx, folder: Path, method: str, reloads: int) -> Watched:
    """Look over kept connections that idle for about as long as NGINX lets them."""

    async def scene() -> Watched:
        async with far(nginx.port, WAY) as port:
            url = f"http://127.0.0.1:{port}/"
            probes = [
                plan(f"kept{one}", url=url, every=IDLE + one * 0.007, connection="kept", method=method)
                for one in range(8)
            ]
            async with watching(folder, probes, settle=1.0) as watched:
                for _ in range(reloads):
                    nginx.reload()
                    await asyncio.sleep(0.7)
                await asyncio.sleep(2.0)
        return watched

    return asyncio.run(scene())


def test_safe_requests_meet_connections_that_it_ends_and_see_no_outage(nginx: Nginx, tmp_path: Path) -> None:
    watched = looked(nginx, tmp_path, "GET", reloads=3)
    assert {one.outcome for one in watched.samples if one.outcome.is_look} == {Outcome.OK}
    assert [one for one in watched.samples if ASKED_AGAIN in one.detail]


def test_other_requests_that_meet_one_are_open_and_no_outage(nginx: Nginx, tmp_path: Path) -> None:
    watched = looked(nginx, tmp_path, "POST", reloads=3)
    bad = {
        (one.outcome, one.detail) for one in watched.samples if one.outcome.is_look and one.outcome is not Outcome.OK
    }
    assert not bad
    assert {one.detail for one in watched.samples if one.outcome is Outcome.OPEN} == {TOLD}


def test_an_nginx_that_dies_is_dark_over_kept_connections(nginx: Nginx, tmp_path: Path) -> None:
    async def scene() -> Watched:
        kept = plan(url=f"http://127.0.0.1:{nginx.port}/", every=0.05, connection="kept", method="GET")
        async with watching(tmp_path, [kept], settle=0.5) as watched:
            os.kill(nginx.process.pid, signal.SIGTERM)
            await asyncio.sleep(0.5)
        return watched

    assert asyncio.run(scene()).of()[-1].outcome is Outcome.REFUSED


def test_a_limit_on_the_prober_itself_proves_nothing_and_its_wish_to_wait_is_heeded(
    nginx: Nginx, tmp_path: Path
) -> None:
    async def scene() -> Watched:
        url = f"http://127.0.0.1:{nginx.port}/limited"
        async with watching(tmp_path, [plan(url=url, every=0.02)], settle=0.1) as watched:
            await asyncio.sleep(2.5)
        return watched

    watched = asyncio.run(scene())
    assert {one.outcome for one in watched.of() if one.outcome.is_look} == {Outcome.OK}
    turned = [one for one in watched.of() if one.outcome is Outcome.THROTTLED]
    sent = [one for one in turned if one.sent]
    assert {one.detail for one in sent} == {"HTTP 429"}
    assert 2 <= len(sent) <= 4
    assert {one.detail for one in turned if not one.sent} == {"held back, as Retry-After asks"}
