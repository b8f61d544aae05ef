"""A standard's file: read strictly, every mistake at its place, and named in an environment and a drill."""

from pathlib import Path

import pytest

from faildrill.errors import InvalidFile
from faildrill.loading import load_drill, load_environment
from faildrill.loading.standard_file import load_standard

GOOD = """\
standard: payments
backends:
  payments:
    algorithm: roundrobin
    timeouts: {connect: 1s, server: none}
    servers: {pay1: {weight: 1}, pay2: {}}
"""
ENVIRONMENT = """\
environment: here
standards: {payments: front.yaml}
load_balancers:
  front: {haproxy_socket: /run/haproxy.sock, backends: {payments: [pay1, pay2]}}
"""
DRILL = """\
drill: skewed
environment: here
probes:
  drift: {haproxy.drift: {load_balancer: front, standard: %s, backend: payments}, every: 1s}
steps: [{wait: 1s}]
expect: [{outage: {of: drift, at_most: 1s}}]
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("standard: payments", "about: x", "1:1: `standard` is missing: what is this standard called?"),
        ("backends:", "beckends:", "2:1: unknown key 'beckends'; did you mean 'backends'?"),
        ("roundrobin", "[]", "4:16: must be text (quote it)"),
        ("connect: 1s", "connect: 1", "5:25: a time needs a unit, e.g. 1s or 1ms"),
        ("connect", "connekt", "5:16: unknown key 'connekt'; did you mean 'connect'?"),
        ("weight: 1", "weight: -1", "6:30: must be at least 0"),
        ("pay2: {}", "pay2: {state: paused}", "must be 'ready', 'drain', 'maint' or 'unresolved'"),
        (
            "    servers: {pay1: {weight: 1}, pay2: {}}",
            "    every_server: {weight: 1}",
            "`every_server` needs `servers`",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, was: str, becomes: str, message: str) -> None:
    path = written(tmp_path, "front.yaml", GOOD.replace(was, becomes))
    with pytest.raises(InvalidFile) as refused:
        load_standard(path)
    assert message in str(refused.value)


def test_a_drill_names_a_standard_of_its_environment(tmp_path: Path) -> None:
    written(tmp_path, "front.yaml", GOOD)
    place = load_environment(written(tmp_path, "here.yaml", ENVIRONMENT))
    drill = load_drill(written(tmp_path, "drill.yaml", DRILL % "payments"), place).drill
    [probe] = drill.probes
    standard = probe.use.params["standard"]
    assert isinstance(standard, dict)
    assert standard["name"] == "payments"


def test_a_drill_that_names_a_standard_that_is_not_there_is_told_which_there_are(tmp_path: Path) -> None:
    written(tmp_path, "front.yaml", GOOD)
    place = load_environment(written(tmp_path, "here.yaml", ENVIRONMENT))
    with pytest.raises(InvalidFile, match="no 'paymints' among the standards of environment 'here'; did you mean"):
        load_drill(written(tmp_path, "drill.yaml", DRILL % "paymints"), place)


def test_a_mistake_in_a_standard_is_told_where_the_environment_names_it(tmp_path: Path) -> None:
    written(tmp_path, "front.yaml", GOOD.replace("weight: 1", "weight: -1"))
    with pytest.raises(InvalidFile, match=r"here.yaml:2:23: .*front.yaml:6:30: must be at least 0"):
        load_environment(written(tmp_path, "here.yaml", ENVIRONMENT))


def test_a_standard_that_is_not_there_is_told_where_the_environment_names_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"here.yaml:2:23: .*front.yaml: there is no such file"):
        load_environment(written(tmp_path, "here.yaml", ENVIRONMENT))
