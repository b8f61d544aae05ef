"""`faildrill watch` as a process of its own: told through a real web hook, read by HTTP, ended by SIGTERM."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NGINX = """\
events {}
http {
    upstream payments { server a:80 weight=%s; server b:80; }
    server { location / { proxy_connect_timeout 1s; proxy_read_timeout 10s; proxy_pass http://payments; } }
}
"""
STANDARD = "standard: edge\nbackends:\n  payments:\n    servers: {'a:80': {weight: 1}, 'b:80': {weight: 1}}\n"
ENVIRONMENT = "environment: here\nstandards: {edge: edge.yaml}\nsettings:\n  edge: {nginx.settings: {file: %s}}\n"
WITHIN = 120.0


class Hook:
    """A web hook that keeps what it is sent, and may refuse it first."""

    def __init__(self) -> None:
        self.got: queue.Queue[dict[str, str]] = queue.Queue()
        self.refuses = 0
        hook = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = hook.refuses > 0
                hook.refuses -= refused
                if not refused:
                    hook.got.put(json.loads(body))
                self.send_response(503 if refused else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"json://127.0.0.1:{self.server.server_port}/a-secret-path-of-the-hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> dict[str, str]:
        return self.got.get(timeout=WITHIN)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def watch(tmp_path: Path, hook: Hook) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start a watch of an NGINX whose file the test may change, with short times."""
    started: list[subprocess.Popen[str]] = []
    weigh(tmp_path, "1")
    (tmp_path / "edge.yaml").write_text(STANDARD, encoding="utf-8")
    (tmp_path / "here.yaml").write_text(ENVIRONMENT % (tmp_path / "nginx.conf"), encoding="utf-8")

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "faildrill", "watch", str(tmp_path / "here.yaml"), "--notify", "env:HOOK"]
        command += ["--listen", "127.0.0.1:0", "--every", "200ms", "--after", "300ms", "--calm", "500ms"]
        environment = {**os.environ, "HOOK": hook.url, "FAILDRILL_STATE": str(tmp_path / "state")}
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def weigh(folder: Path, weight: str) -> None:
    """Give the first server a weight, at once or not at all."""
    (folder / "new").write_text(NGINX % weight, encoding="utf-8")
    (folder / "new").replace(folder / "nginx.conf")


def metrics(process: "subprocess.Popen[str]") -> Callable[[], str]:
    """Return how to read the metrics of a watch that was just started."""
    assert process.stdout is not None
    first = process.stdout.readline()
    match = re.search(r"http://\S+/metrics", first)
    assert match, first
    assert process.stdout.readline() == "watching here: 1 source of settings, 0 probes, told here and in 1 other way\n"

    def read() -> str:
        with urllib.request.urlopen(match[0], timeout=5) as answer:  # noqa: S310 - the watch's own address
            return str(answer.read().decode())

    return read


def test_a_deviation_is_told_with_its_evidence_and_so_is_its_end_and_sigterm_ends_it(
    tmp_path: Path, hook: Hook, watch: Callable[[], "subprocess.Popen[str]"]
) -> None:
    process = watch()
    read = metrics(process)
    weigh(tmp_path, "10")
    alert = hook.next()
    assert alert["type"] == "warning"
    assert "weight of payments/a:80: 10, the standard says 1" in alert["message"]
    assert "next: correct" in alert["message"]
    assert re.search(r"faildrill_watch_alerting\{condition=\"edge payments[^}]*\} 1.0", read())
    weigh(tmp_path, "1")
    recovery = hook.next()
    assert (recovery["type"], "good again" in recovery["message"]) == ("success", True)
    deadline = time.monotonic() + WITHIN
    while re.search(r"faildrill_watch_alerting\{condition=\"edge payments[^}]*\} 1.0", read()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=WITHIN)
    assert process.returncode == 0, out
    assert out.rstrip().endswith("ended as asked")
    assert "a-secret-path" not in out


def test_what_can_not_be_read_is_an_alert_of_its_own_and_a_refused_notice_is_sent_again(
    tmp_path: Path, hook: Hook, watch: Callable[[], "subprocess.Popen[str]"]
) -> None:
    hook.refuses = 1
    (tmp_path / "nginx.conf").unlink()
    process = watch()
    alert = hook.next()
    assert "edge: " in alert["message"]
    assert "can't be read" in alert["message"]
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=WITHIN)
    assert "a notice was not taken (env:HOOK: refused or not reached)" in out


def test_a_url_that_is_no_way_to_people_is_refused_without_being_told(
    hook: Hook, watch: Callable[[], "subprocess.Popen[str]"]
) -> None:
    hook.url = "not-a-url-of-apprise-with-a-secret"
    process = watch()
    out, _ = process.communicate(timeout=WITHIN)
    assert process.returncode == 2, out
    assert "env:HOOK: not a URL that Apprise knows" in out
    assert "with-a-secret" not in out
    assert hook.got.empty()
