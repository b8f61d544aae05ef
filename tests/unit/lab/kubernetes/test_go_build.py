"""The build of the control plane, with a stand-in for Go that is as slow, or as wrong, as a test wants it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.lab import lab
from faildrill.errors import FaildrillError
from faildrill.lab.kubernetes import go_build, programs

GO = """\
#!/bin/sh
case "$1" in
    env) echo "{version}"; exit;;
    list) echo "go: downloading k8s.io/api v0.37.2" >&2; echo k8s.io/api; echo main; exit;;
esac
while [ "$#" -gt 1 ]; do [ "$1" = -o ] && made=$2; shift; done
echo k8s.io/api >&2
echo begun >>"{begun}"
{then}
printf '#!/bin/sh\\n' >"$made"; chmod +x "$made"
"""
BUILD = "from faildrill.lab.kubernetes import go_build; print(go_build.build(lambda text: print(text, flush=True)))"
Given = Callable[..., None]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A line for each build that was begun."""
    return tmp_path / "begun"


@pytest.fixture
def given_go(tmp_path: Path, begun: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Puts the only Go there is on PATH, with a cache of its own."""

    def given(then: str = "", version: str = "go1.26.8") -> None:
        program = tmp_path / "bin" / "go"
        program.parent.mkdir(exist_ok=True)
        program.write_text(GO.format(version=version, then=then, begun=begun))
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv(programs.NAMED_BY, raising=False)

    return given


def builds(begun: Path) -> int:
    return len(begun.read_text().splitlines()) if begun.exists() else 0


def builder() -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, text=True, start_new_session=True)


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_built_once_and_found_from_then_on(given_go: Given, begun: Path) -> None:
    given_go()
    said: list[str] = []
    made = go_build.build(said.append)
    assert go_build.build(said.append) == made
    assert builds(begun) == 1
    assert programs.find().argv("etcd") == [str(made / "control-plane"), "etcd"]
    assert said[0].endswith("it takes some ten minutes on two cores, 3 GB of memory and 5 GB of disk, once")


def test_another_toolchain_builds_anew(given_go: Given, begun: Path) -> None:
    given_go()
    first = go_build.build(lambda _: None)
    given_go(version="go1.27.0")
    assert go_build.build(lambda _: None) != first
    assert builds(begun) == 2


def test_a_build_that_fails_leaves_nothing_and_says_what_go_said(given_go: Given) -> None:
    given_go('echo "main.go:3:1: syntax error" >&2; exit 1')
    with pytest.raises(FaildrillError, match=r"`go build` failed\n    main\.go:3:1: syntax error"):
        go_build.build(lambda _: None)
    with pytest.raises(FaildrillError, match="not built yet"):
        programs.find()


def test_two_builders_wait_for_one_another(given_go: Given, begun: Path, tmp_path: Path) -> None:
    given_go(f'while [ ! -e "{tmp_path}/go-on" ]; do sleep 0.02; done')
    with builder() as first:
        until(lambda: builds(begun))
        with builder() as second:
            assert second.stdout
            assert second.stdout.readline() == "it is being built already: waiting for that\n"
            (tmp_path / "go-on").touch()
            assert first.communicate()[0].splitlines()[-1] == second.stdout.read().splitlines()[-1]
    assert builds(begun) == 1


def test_a_builder_that_is_killed_leaves_nothing_half(given_go: Given, begun: Path, tmp_path: Path) -> None:
    given_go(f'[ -e "{tmp_path}/go-on" ] || {{ echo half >"$made"; echo $$ >{tmp_path}/go; sleep 60; }}')
    with builder() as killed:
        until((tmp_path / "go").exists)
        os.killpg(killed.pid, signal.SIGKILL)
    with pytest.raises(FaildrillError, match="not built yet"):
        programs.find()
    (tmp_path / "go-on").touch()
    made = go_build.build(lambda _: None)
    assert (made / "control-plane").read_text() == "#!/bin/sh\n"
    assert builds(begun) == 2


def test_a_go_that_its_builder_left_keeps_the_lock(given_go: Given, begun: Path, tmp_path: Path) -> None:
    given_go(f'while [ ! -e "{tmp_path}/go-on" ]; do sleep 0.02; done')
    with builder() as killed:
        until(lambda: builds(begun))
        killed.kill()
    with builder() as second:
        assert second.stdout
        assert second.stdout.readline() == "it is being built already: waiting for that\n"
        (tmp_path / "go-on").touch()
        assert second.wait(30) == 0


@pytest.mark.parametrize(
    ("version", "said"),
    [("go1.25.4", "is go1.25.4: install a newer one"), ("", "does not say which it is: install a newer one")],
    ids=["an older one", "one that says nothing"],
)
def test_a_go_that_is_too_old_is_told_in_a_sentence(given_go: Given, version: str, said: str) -> None:
    given_go(version=version)
    with pytest.raises(FaildrillError, match=said):
        go_build.build(lambda _: None)


def test_without_go_it_says_in_a_sentence_what_to_do(given_go: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    given_go()
    monkeypatch.setenv("PATH", "/nowhere")
    said = CliRunner().invoke(lab, ["build", "kubernetes"]).exception
    assert str(said) == (
        "building the control plane of lab-kubernetes needs Go 1.26 or newer, and there is no `go` on PATH: "
        "install it, or name a folder of official binaries with FAILDRILL_KUBERNETES=DIR"
    )


def test_a_lab_that_needs_nothing_built_says_so() -> None:
    said = CliRunner().invoke(lab, ["build", "redis"]).exception
    assert str(said) == "nothing is built for a lab of the sort 'redis'; only for kubernetes"


def test_official_binaries_are_taken_from_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(programs.NAMED_BY, str(tmp_path))
    for name in programs.COMPONENTS[:-1]:
        (tmp_path / name).touch(mode=0o700)
    with pytest.raises(FaildrillError, match="where kube-scheduler can't be executed"):
        programs.find()
    (tmp_path / programs.COMPONENTS[-1]).touch(mode=0o700)
    assert programs.find().argv("etcd") == [str(tmp_path / "etcd")]


def test_a_lab_without_its_control_plane_says_so_in_a_sentence_and_starts_nothing(
    given_go: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_go()
    state = tmp_path / "state"
    monkeypatch.setenv("FAILDRILL_STATE", str(state))
    said = CliRunner().invoke(lab, ["up", "--name", "lab-kubernetes"]).exception
    assert str(said) == (
        "lab-kubernetes needs its control plane, which is not built yet: run `faildrill lab build kubernetes` "
        "(it needs Go 1.26 or newer and takes some ten minutes, once), or name a folder of official binaries with "
        "FAILDRILL_KUBERNETES=DIR"
    )
    assert not (state / "labs").exists()
