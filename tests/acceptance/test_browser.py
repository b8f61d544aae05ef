"""The page in a real browser: it asks for nothing, runs nothing, and has no complaint."""

import contextlib
import http.server
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from faildrill import reports
from faildrill.record import notes
from unit.reports import crash, hostile, judged
from unit.reports.reading import Read

pytestmark = pytest.mark.browser
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a run that is recorded, of which no report is written yet."""
    folder = tmp_path / "20261122-103000-postgres-primary-crash-4f2a91c0"
    folder.mkdir()
    crash.write(folder)
    return folder


class Counting(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and notes what was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing: what was asked is noted."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    counting = type("Counting", (Counting,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: counting(*given, directory=str(folder)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def opened(browser: str, url: str, profile: Path) -> tuple[str, str]:
    """Open a page; returns its document after loading, and what its console said."""
    command = [browser, *OFFLINE, f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--dump-dom", url]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        document, log = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return document, "\n".join(line for line in log.splitlines() if "CONSOLE" in line)


def test_the_page_loads_without_a_complaint_and_asks_for_nothing(browser: str, run: Path, tmp_path: Path) -> None:
    reports.write(run, judged.result())
    with served(run) as (address, asked):
        document, console = opened(browser, f"{address}/report.html", tmp_path / "profile")
    assert console == ""
    assert asked == ["/report.html"]
    assert "at least 19.983 s, at most 20.040 s" in document


def test_a_hostile_drill_runs_nothing_in_the_browser(browser: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    everything = hostile.put_into(" ".join(hostile.STRINGS[:-1]))
    crash.write(run, everything)
    (run / "notes.md").write_text("<script>document.title='owned'</script>", encoding="utf-8")
    text = everything("<script>document.title='owned'</script>")
    said = notes.Note(
        by=text, account=text, written="2026-11-22T11:00:00Z", text=text, owner=text, due=text, given=text
    )
    for sort, at in (("line", "2026-11-22T10:30:09Z"), ("cause", ""), ("task", "")):
        number = notes.append(run, msgspec.structs.replace(said, sort=sort, at=at))
    notes.append(run, msgspec.structs.replace(said, corrects=number, sort="task"))
    reports.write(run, msgspec.structs.replace(judged.result(everything), runbook="javascript:alert(1)"))
    with served(run) as (address, asked):
        document, console = opened(browser, f"{address}/report.html", tmp_path / "profile")
    assert console == ""
    assert asked == ["/report.html"]
    read = Read(document)
    assert not {"script", "img", "boom"} & {tag for tag, _ in read.elements}
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert all(one.startswith(("#", "data:,")) for one in read.values("href"))


def test_the_test_itself_sees_a_script_and_a_request(browser: str, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text('<script>console.error("ran")</script><img src="seen.png">', encoding="utf-8")
    with served(tmp_path) as (address, asked):
        _, console = opened(browser, f"{address}/bad.html", tmp_path / "profile")
    assert "ran" in console
    assert "/seen.png" in asked
