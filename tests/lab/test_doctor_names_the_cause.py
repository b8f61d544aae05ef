"""`faildrill doctor` and a refused run name the cause: each is a way in which people write an environment wrong."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faildrill.lab.core.facts import Facts
from faildrill.ports import causes
from lab.without_a_resolver import inside

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
NODES = ("payments/pg1 lets us in", "payments/pg2 lets us in", "database payments lets us in")
GUARDS = ("guard postgres.identity", "guard postgres.marker")
APIS = ("payments/pg1 Patroni", "payments/pg2 Patroni")
ADDRESSED = (*NODES, *APIS, "service payments", "payment-servers/pay1", "guard haproxy.identity", *GUARDS)


def changed(lab: Facts, folder: Path, pattern: str, to: str) -> Path:
    """Write the lab's environment with a mistake in it."""
    text = lab.environment.read_text(encoding="utf-8")
    made = re.sub(pattern, to, text, flags=re.MULTILINE)
    assert made != text
    made = made.replace("standards/", f"{lab.environment.parent}/standards/")
    path = folder / "place.yaml"
    path.write_text(made, encoding="utf-8")
    return path


def said(*arguments: str, within: Callable[[list[str]], list[str]] = list) -> subprocess.CompletedProcess[str]:
    command = within([sys.executable, "-m", "faildrill", *arguments])
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def wrong(place: Path, within: Callable[[list[str]], list[str]] = list) -> dict[str, dict[str, Any]]:
    """Return what the doctor finds wrong, by what it says it of."""
    done = said("doctor", str(place), "-o", "json", within=within)
    assert done.stdout, done.stderr
    return {one["what"]: one for one in json.loads(done.stdout) if not one["ok"]}


@pytest.mark.parametrize(
    ("pattern", "to", "told", "cause", "remedy"),
    [
        (
            r"file:.*passwords/faildrill$",
            "file:WRONG",
            (*NODES, *GUARDS),
            causes.LOGIN,
            "that `password` is that user's",
        ),
        (r"^    password: .*\n", "", (*NODES, *GUARDS), causes.NO_PASSWORD, "give the login its `password`"),
        ("user: faildrill", "user: nosuch", (*NODES, *GUARDS), causes.LOGIN, "see that nosuch exists there"),
        ("database: payments", "database: nosuch", (*NODES, *GUARDS), causes.NO_DATABASE, "create nosuch there"),
        (r"(user: faildrill)", r"\1\n    sslmode: require", (*NODES, *GUARDS), causes.NO_TLS, "sslmode=prefer"),
        (r"port: \d+", "port: 1", (*NODES, *GUARDS), causes.REFUSED, "nobody listens at 127.0.0.1:1"),
        (r"http://([0-9.]+):\d+", r"http://\1:1", (*APIS, "service payments"), causes.REFUSED, "127.0.0.1:1"),
        ("http://", "https://", (*APIS, "service payments"), causes.NO_TLS, "http://"),
        (
            r"address: ([0-9.]+):\d+",
            r"address: \1:1",
            ("payment-servers/pay1",),
            causes.REFUSED,
            "start it, or correct",
        ),
        (r"127\.0\.0\.1", "db1.invalid", ADDRESSED, causes.NO_NAME, "`getent hosts db1.invalid`"),
    ],
    ids=["password", "no-password", "user", "database", "tls", "port", "http-port", "https", "member", "name"],
)
def test_the_doctor_and_the_guards_name_the_cause_and_say_what_to_do(  # noqa: PLR0913, PLR0917 - a table
    lab: Facts, tmp_path: Path, pattern: str, to: str, told: tuple[str, ...], cause: str, remedy: str
) -> None:
    (tmp_path / "wrong").write_text("a-wrong-password\n", encoding="utf-8")
    found = wrong(changed(lab, tmp_path, pattern, to.replace("WRONG", f"{tmp_path}/wrong")))
    for what in told:
        assert cause in found[what]["told"], what
        assert remedy in f"{found[what]['told']} {found[what]['remedy']}", what


def test_a_resolver_that_says_nothing_is_named_at_once_by_every_adapter(lab: Facts, tmp_path: Path) -> None:
    began = time.monotonic()
    found = wrong(changed(lab, tmp_path, r"127\.0\.0\.1", "db1.invalid"), inside(tmp_path))
    assert time.monotonic() - began < 25  # it was 63 s: each question waited for all of its time
    for what in ADDRESSED:
        assert causes.NO_RESOLVER in found[what]["told"], what
        assert "/etc/resolv.conf" in f"{found[what]['told']} {found[what]['remedy']}", what
    for what in ("payments reach leads to its addresses", "payment-servers reach leads to its addresses"):
        assert causes.NO_RESOLVER in found[what]["told"], what


DRILL = """\
drill: never-warm
environment: staging
warm_up: 500ms
probes:
  pay: {http.request: {url: "http://HOST:1/"}, every: 100ms, timeout: 500ms}
steps:
  - name: look on
    wait: {until: pay is ok, within: 1s}
expect:
  - outage: {of: pay, at_most: 1s}
"""


@pytest.mark.parametrize(("host", "cause"), [("127.0.0.1", "nobody listens"), ("db1.invalid", "`getent hosts")])
def test_a_run_whose_probe_never_is_good_says_what_to_do(lab: Facts, tmp_path: Path, host: str, cause: str) -> None:
    drill = tmp_path / "drill.yaml"
    drill.write_text(DRILL.replace("HOST", host), encoding="utf-8")
    done = said("run", str(drill), "--env", str(lab.environment), "--reports", str(tmp_path / "reports"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert cause in done.stdout


def test_a_run_under_a_resolver_that_says_nothing_says_so(lab: Facts, tmp_path: Path) -> None:
    drill = tmp_path / "drill.yaml"
    drill.write_text(DRILL.replace("HOST", "db1.invalid"), encoding="utf-8")
    command = ("run", str(drill), "--env", str(lab.environment), "--reports", str(tmp_path / "reports"))
    done = said(*command, within=inside(tmp_path))
    assert done.returncode == 3, done.stdout + done.stderr
    assert causes.NO_RESOLVER in done.stdout
    assert "/etc/resolv.conf" in done.stdout


def test_nothing_of_this_is_changed_for_who_has_all_right(steady_lab: Facts) -> None:
    assert wrong(steady_lab.environment) == {}
