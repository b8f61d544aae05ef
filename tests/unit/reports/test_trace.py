"""Runs as traces and annotations: taken by a receiver of OTLP that decodes them with the official messages."""

import gzip
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.attributes import cicd_attributes as cicd

from faildrill import judging
from faildrill.cli.main import cli
from faildrill.judging.result import Result, Verdict
from faildrill.reports.trace import parent_of, trace
from unit.reports import crash

PARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANNOTATION: Final = {
    "type": "object",
    "properties": {
        "dashboardUID": {"type": "string"},
        "panelId": {"type": "integer"},
        "time": {"type": "integer", "minimum": 1_000_000_000_000},
        "timeEnd": {"type": "integer", "minimum": 1_000_000_000_000},
        "tags": {"type": "array", "items": {"type": "string"}},
        "text": {"type": "string", "minLength": 1},
        "data": {"type": "object"},
    },
    "required": ["text"],
    "additionalProperties": False,
}
"""What Grafana's API takes: PostAnnotationsCmd of its published description; moments are milliseconds."""


class Receiver:
    """A real receiver over HTTP, which keeps what it is sent, and answers so."""

    def __init__(self, answer: bytes, status: int = 200) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, {name.lower(): one for name, one in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def served(receiver: Receiver) -> Iterator[None]:
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "20261122T103000Z-postgres-primary-crash-4f2a91c0"
    folder.mkdir()
    crash.write(folder)
    return folder


def traced(run: Path, receiver: Receiver, **more: str) -> Done:
    return CliRunner(env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **more}).invoke(cli, ["trace", str(run)])


def spans(receiver: Receiver) -> tuple[dict[str, Any], list[Span]]:
    """What it was sent in one request: what holds for all, and the spans."""
    [(path, headers, body)] = receiver.got
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    [resource] = ExportTraceServiceRequest.FromString(content).resource_spans
    [scope] = resource.scope_spans
    assert scope.scope.name == "faildrill"
    return attributes(resource.resource.attributes), list(scope.spans)


def attributes(those: Iterable[KeyValue]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in those}


def collector() -> Receiver:
    return Receiver(ExportTraceServiceResponse().SerializeToString())


def test_a_run_is_one_trace_with_a_span_for_it_for_each_step_and_for_each_undo(run: Path) -> None:
    receiver = collector()
    with served(receiver):
        done = traced(run, receiver)
    assert done.exit_code == 0, done.output
    about, (root, *steps) = spans(receiver)
    judged = judging.judge(run)
    assert (
        about.items()
        >= {
            cicd.CICD_PIPELINE_NAME: judged.drill,
            cicd.CICD_PIPELINE_RUN_ID: judged.run,
            "service.name": "faildrill",
            "deployment.environment.name": "lab",
            "faildrill.purpose": "drill",
        }.items()
    )
    assert (root.name, root.kind, root.parent_span_id) == (f"RUN {judged.drill}", Span.SPAN_KIND_SERVER, b"")
    assert {one.trace_id for one in (root, *steps)} == {root.trace_id}
    assert {one.parent_span_id for one in steps} == {root.span_id}
    assert {one.kind for one in steps} == {Span.SPAN_KIND_INTERNAL}
    begun = [one.name for one in judged.steps if one.started is not None]
    undone = [f"undo {one.name}" for one in judged.steps if one.undo_started is not None]
    assert sorted(one.name for one in steps) == sorted([*begun, *undone])
    assert undone
    assert all(attributes(one.attributes)["faildrill.purpose"] == "drill" for one in (root, *steps))
    assert root.end_time_unix_nano - root.start_time_unix_nano == pytest.approx(judged.duration * 1e9, abs=1e3)
    assert all(root.start_time_unix_nano <= one.start_time_unix_nano <= one.end_time_unix_nano for one in steps)


@pytest.mark.parametrize(
    ("verdict", "result", "status"),
    [
        (Verdict.PASSED, "success", Status.STATUS_CODE_UNSET),
        (Verdict.FAILED, "failure", Status.STATUS_CODE_ERROR),
        (Verdict.INCONCLUSIVE, "failure", Status.STATUS_CODE_ERROR),
        (Verdict.REFUSED, "skip", Status.STATUS_CODE_UNSET),
        (Verdict.ABORTED, "cancellation", Status.STATUS_CODE_UNSET),
        (Verdict.UNSAFE, "failure", Status.STATUS_CODE_ERROR),
        (Verdict.ERROR, "error", Status.STATUS_CODE_ERROR),
    ],
)
def test_each_verdict_is_told_in_the_words_of_the_conventions(
    run: Path, verdict: Verdict, result: str, status: int
) -> None:
    assert result in {one.value for one in cicd.CicdPipelineResultValues}
    root = trace(with_verdict(judging.judge(run), verdict)).spans[0]
    assert root.attributes[cicd.CICD_PIPELINE_RESULT] == result
    assert root.attributes["faildrill.verdict"] == verdict.value
    assert (root.wrong is not None) == (status == Status.STATUS_CODE_ERROR)
    assert ("error.type" in root.attributes) == (result in ("failure", "error"))


def with_verdict(result: Result, verdict: Verdict) -> Result:
    return replace(result, verdict=verdict)


def test_a_run_that_is_part_of_a_trace_is_a_span_of_that(run: Path) -> None:
    receiver = collector()
    with served(receiver):
        assert traced(run, receiver, TRACEPARENT=PARENT).exit_code == 0
    root = spans(receiver)[1][0]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == tuple(PARENT.split("-")[1:3])


def test_what_is_sent_again_is_the_same(run: Path) -> None:
    result = judging.judge(run)
    assert trace(result) == trace(result)
    assert len({one.id for one in trace(result).spans}) == len(trace(result).spans)


def test_a_trace_that_is_not_recorded_is_not_added_to(run: Path) -> None:
    receiver = collector()
    with served(receiver):
        done = traced(run, receiver, TRACEPARENT=PARENT[:-2] + "00")
    assert (done.exit_code, receiver.got) == (0, [])
    assert done.stdout.startswith("nothing is sent: ")


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "nonsense", PARENT[:-3], PARENT.replace("00-4", "ff-4"), PARENT.upper()),
        *(f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01"),
    ],
)
def test_what_is_no_parent_begins_a_trace_of_its_own(wrong: str) -> None:
    assert parent_of(wrong) is None


def test_a_collector_that_refuses_is_told_and_changes_nothing_of_the_run(run: Path) -> None:
    before = {one.name: one.read_bytes() for one in run.iterdir() if one.is_file()}
    receiver = Receiver(b"no", status=400)
    with served(receiver):
        done = traced(run, receiver)
    assert done.exit_code == 1
    assert done.stderr.endswith(": not taken by the collector\n")
    assert {one.name: one.read_bytes() for one in run.iterdir() if one.is_file()} == before


def annotated(run: Path, receiver: Receiver) -> Done:
    words = ["annotate", str(run), "--grafana", f"{receiver.url}/", "--token", "env:GRAFANA"]
    return CliRunner(env={"GRAFANA": "glsa_of_the_service"}).invoke(cli, words)


def test_a_run_and_its_outage_are_marked_as_the_api_of_grafana_takes_them(run: Path) -> None:
    receiver = Receiver(b'{"message": "Annotation added", "id": 1}')
    with served(receiver):
        done = annotated(run, receiver)
    assert done.exit_code == 0, done.output
    whole, outage = (json.loads(body) for _, _, body in receiver.got)
    for path, headers, body in receiver.got:
        assert (path, headers["authorization"]) == ("/api/annotations", "Bearer glsa_of_the_service")
        jsonschema.validate(json.loads(body), ANNOTATION)
    judged = judging.judge(run)
    assert whole["timeEnd"] - whole["time"] == pytest.approx(judged.duration * 1e3, abs=1)
    assert whole["time"] <= outage["time"] <= outage["timeEnd"] <= whole["timeEnd"]
    assert {"drill", judged.verdict.value} <= {*whole["tags"]}
    assert "outage" in outage["tags"]
    assert all("done on purpose" in one["text"] for one in (whole, outage))


@pytest.mark.parametrize("status", [302, 401, 500])
def test_a_grafana_that_refuses_is_told_without_the_token(run: Path, status: int) -> None:
    receiver = Receiver(b'{"message": "no: glsa_of_the_service"}', status=status)
    with served(receiver):
        done = annotated(run, receiver)
    assert done.exit_code == 1
    assert f"Grafana answered {status}: " in done.stderr
    assert "glsa_of_the_service" not in done.output
    assert len(receiver.got) == 1
