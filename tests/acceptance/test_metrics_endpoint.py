"""Metrics as an endpoint: read over HTTP by the parsers of the Prometheus client, as a Prometheus asks for them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser

from faildrill.cli.main import cli
from faildrill.judging.result import Bounds
from unit.history import made

LENGTH: Final = Bounds(at_least=19.8, at_most=20.2)
AS_PROMETHEUS: Final = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    made.record(tmp_path, 0, LENGTH)
    words = [sys.executable, "-m", "faildrill", "metrics", "--reports", str(tmp_path), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        yield serving.stdout.readline().split()[-1]
        serving.send_signal(signal.SIGTERM)
        assert serving.stdout.read() == "ended as asked\n"
    assert serving.returncode == 0


def asked(url: str, accept: str = AS_PROMETHEUS) -> tuple[int, str, str]:
    there = urlsplit(url)
    connection = HTTPConnection(there.hostname or "", there.port or 0, timeout=60)
    connection.request("GET", there.path, headers={"Accept": accept})
    answer = connection.getresponse()
    told = answer.status, answer.headers["Content-Type"], answer.read().decode()
    connection.close()
    return told


def test_it_answers_in_the_format_that_is_asked_for_and_with_what_is_recorded_by_then(
    served: str, tmp_path: Path
) -> None:
    _, sort, text = asked(served)
    assert sort == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {one.name: one for one in parser.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert [one.value for one in families["faildrill_recorded_runs"].samples if one.labels["verdict"] == "PASSED"] == [
        1
    ]
    assert text == CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path)]).stdout
    made.record(tmp_path, 1, LENGTH)
    _, sort, text = asked(served, "text/plain")
    assert sort == "text/plain; version=0.0.4; charset=utf-8"
    known = {one.name: one for one in older.text_string_to_metric_families(text)}
    assert [one.value for one in known["faildrill_recorded_runs"].samples if one.labels["verdict"] == "PASSED"] == [2]


def test_many_readers_at_once_are_all_answered_the_same(served: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(asked, [served] * 16))) == 1


def test_nothing_else_is_served_and_a_folder_that_is_gone_is_said_so(served: str, tmp_path: Path) -> None:
    assert asked(served.replace("/metrics", "/reports/"))[0::2] == (404, "metrics are at /metrics\n")
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    status, _, why = asked(served)
    tmp_path.with_name("elsewhere").rename(tmp_path)
    assert status == 503
    assert "can't be read" in why


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--listen", "9766"], "'9766' is no HOST:PORT to listen on, e.g. 127.0.0.1:9766\n"),
        (["--listen", "127.0.0.1:99999"], "'127.0.0.1:99999' is no HOST:PORT to listen on, e.g. 127.0.0.1:9766\n"),
        (["--listen", "192.0.2.1:9766"], "can't listen on 192.0.2.1:9766: "),
        (["--listen", "127.0.0.1:0", "-o", "x.prom"], "-o and --listen are two ways"),
    ],
)
def test_where_it_can_not_listen_it_says_why(tmp_path: Path, words: list[str], why: str) -> None:
    done = CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path), *words])
    assert done.exit_code == 2
    assert done.stderr.startswith(why)
