"""`command.run` and `command.look` with real programs."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.command.program import Look, Run
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.probing.prober_plan import is_blocking
from faildrill.record.samples import Outcome

GIVEN = CallContext("run-7", 5.0)


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def touching(path: Path, do: str = "") -> Run:
    """A step whose effect is that a file is there."""
    return Run(
        argv=shell(f"{do or 'true'}\ntouch {path}"),
        undo_argv=("rm", "-f", str(path)),
        verify_argv=shell(f"if [ -e {path} ]; then echo in_effect: true; else echo in_effect: false; fi"),
    )


def living(marker: str) -> list[str]:
    """The processes whose command line holds a marker."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def are_gone(marker: str) -> bool:
    """Wait for the processes to go: one that is killed on a busy machine is there until it is its turn."""
    deadline = time.monotonic() + 20
    while living(marker):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_program_is_run_its_effect_seen_and_put_back(tmp_path: Path) -> None:
    async def story() -> None:
        action = touching(tmp_path / "effect", "echo hello")
        before = await action.capture(GIVEN)
        assert not (await action.confirm(before, GIVEN)).holds
        assert await action.apply(before, GIVEN) == {"said": "hello"}
        assert (await action.confirm(before, GIVEN)).holds
        assert not (await action.restored(before, GIVEN)).holds
        for _ in range(2):
            await action.undo(before, GIVEN)
            assert (await action.restored(before, GIVEN)).holds

    asyncio.run(story())


def test_an_effect_that_is_there_before_the_step_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "effect").touch()
    with pytest.raises(ActionRefused, match="put it back first"):
        asyncio.run(touching(tmp_path / "effect").capture(GIVEN))


TELLS_NOTHING = {
    "it crashed": (sys.executable, "-c", "import nowhere"),
    "it exits 1 without a word": ("false",),
    "it exits 0 without a word": ("true",),
    "another code": shell("echo lost; exit 7"),
    "the word, and then it failed": shell("echo in_effect: false; exit 1"),
    "the word, and then more": shell("echo in_effect: false; echo could not log out"),
    "the word on stderr only": shell("echo in_effect: false >&2"),
    "a value that is none": shell("echo in_effect: unknown"),
    "no value": shell("echo in_effect:"),
    "ended by a signal": shell("echo in_effect: false; kill -9 $$"),
    "it does not end": shell("echo in_effect: false; sleep 60"),
    "it is not there": ("/nowhere/program",),
}


@pytest.mark.parametrize("argv", TELLS_NOTHING.values(), ids=list(TELLS_NOTHING))
def test_a_verification_that_fails_itself_is_neither_yes_nor_no(argv: tuple[str, ...]) -> None:
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=argv)
    given = CallContext("run-7", 1.0 if "sleep 60" in argv[-1] else 5.0)
    for call in (action.capture(given), action.confirm({}, given), action.restored({}, given)):
        with pytest.raises(CannotSee, match=r"in_effect: false`|can't be started"):
            asyncio.run(call)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("echo in_effect: true", True),
        ("echo connecting; echo; echo ' in_effect: False '; echo goodbye >&2", False),
    ],
)
def test_a_verification_says_so_in_the_last_line_of_its_stdout(text: str, there: bool) -> None:
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=shell(text))
    assert asyncio.run(action.confirm({}, GIVEN)).holds is there
    assert asyncio.run(action.restored({}, GIVEN)).holds is not there


@pytest.mark.parametrize(
    "argv",
    [
        ("test", "-r", "/var/lib/ballast"),
        ("/usr/bin/test", "-e", "ballast"),
        ("[", "-e", "/var/lib/ballast"),
        ("test", "/var/lib/ballast", "-nt", "/etc/hosts"),
        ("test", "!"),
        ("[",),
        ("true",),
        ("false", "-e", "/var/lib/ballast"),
    ],
)
def test_a_drill_whose_verification_is_known_to_print_nothing_is_refused_before_anything(argv: tuple[str, ...]) -> None:
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=argv)
    assert "no exit code alone says that an effect is gone" in str(asyncio.run(action.objection(GIVEN)))
    assert asyncio.run(touching(Path("/nowhere")).objection(GIVEN)) is None


WAYS_TO_TEST = {
    "test -e": (("test", "-e", "{}"), True),
    "by its path": (("/usr/bin/test", "-f", "{}"), True),
    "with brackets": (("[", "-e", "{}", "]"), True),
    "not there": (("test", "!", "-e", "{}"), False),
    "not there, with brackets": (("[", "!", "-e", "{}", "]"), False),
}


@pytest.mark.parametrize(("argv", "means_there"), WAYS_TO_TEST.values(), ids=list(WAYS_TO_TEST))
def test_a_file_may_be_tested_by_exit_code(argv: tuple[str, ...], means_there: bool, tmp_path: Path) -> None:
    file = tmp_path / "ballast"
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=tuple(word.format(file) for word in argv))
    assert asyncio.run(action.objection(GIVEN)) is None
    assert asyncio.run(action.confirm({}, GIVEN)).holds is not means_there
    file.touch()
    assert asyncio.run(action.confirm({}, GIVEN)).holds is means_there
    assert asyncio.run(action.restored({}, GIVEN)).holds is not means_there


@pytest.mark.parametrize("operator", [("-e",), ("!", "-e")])
@pytest.mark.parametrize("path", ["folder/gone/ballast", "file/ballast", "loop", "astray", "a" * 300])
def test_a_file_that_can_not_be_looked_at_is_not_told_to_be_gone(
    path: str, operator: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "astray").symlink_to("folder/gone/ballast")
    argv = ("test", *operator, str(tmp_path / path))
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=argv)
    for call in (action.capture(GIVEN), action.confirm({}, GIVEN), action.restored({}, GIVEN)):
        with pytest.raises(CannotSee, match="is there is unknown"):
            asyncio.run(call)


@pytest.mark.parametrize(("operator", "is_there"), [("-e", False), ("-L", True)])
def test_a_link_into_a_folder_that_is_there_says_what_test_says(operator: str, is_there: bool, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/gone")
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=("test", operator, str(tmp_path / "link")))
    assert asyncio.run(action.confirm({}, GIVEN)).holds is is_there


def test_a_link_itself_is_there_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "astray").symlink_to("folder/gone/ballast")
    action = Run(argv=("true",), undo_argv=("true",), verify_argv=("test", "-h", str(tmp_path / "astray")))
    assert asyncio.run(action.confirm({}, GIVEN)).holds


def test_a_program_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="its first word names a program, and is empty"):
        Run(argv=("", "x"), undo_argv=("true",), verify_argv=("true",))


def test_a_program_that_fails_says_what_it_said(tmp_path: Path) -> None:
    action = touching(tmp_path / "effect", "echo no such volume >&2; exit 3")
    with pytest.raises(ActionFailed, match="/bin/sh ended with 3; it said: no such volume"):
        asyncio.run(action.apply({}, GIVEN))


def test_a_program_that_is_not_there_is_refused_as_nothing_was_changed() -> None:
    action = Run(argv=("/nowhere/program",), undo_argv=("true",), verify_argv=("true",))
    with pytest.raises(ActionRefused, match="can't be started"):
        asyncio.run(action.apply({}, GIVEN))


def test_a_program_that_hangs_is_ended_with_its_group_and_its_outcome_is_unknown(tmp_path: Path) -> None:
    marker = f"3{os.getpid()}.5"
    action = touching(tmp_path / "effect", f"trap '' TERM; sleep {marker} & sleep {marker}")
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="did not end in time"):
        asyncio.run(action.apply({}, CallContext("run", 1.0)))
    assert time.monotonic() - began < 20
    assert are_gone(f"sleep\0{marker}")


def test_a_step_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    marker = f"4{os.getpid()}.5"

    async def story() -> None:
        task = asyncio.create_task(touching(tmp_path / "effect", f"sleep {marker} & sleep {marker}").apply({}, GIVEN))
        async with asyncio.timeout(10):
            while len(living(f"sleep\0{marker}")) < 2:  # noqa: ASYNC110 - a process that was started elsewhere has no event
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert are_gone(f"sleep\0{marker}")


def test_what_a_program_leaves_running_does_not_hold_it_up(tmp_path: Path) -> None:
    async def story() -> float:
        began = time.monotonic()
        await touching(tmp_path / "effect", "sleep 20 &").apply({}, GIVEN)
        return time.monotonic() - began

    assert asyncio.run(story()) < 15


def test_endless_output_is_kept_to_its_last_4_kib() -> None:
    talk = (sys.executable, "-c", "print('x' * 1000, end='');\nfor _ in range(200_000): print('y' * 70)\nprint('end')")
    action = Run(argv=talk, undo_argv=("true",), verify_argv=("true",))
    said = asyncio.run(action.apply({}, GIVEN))["said"]
    assert isinstance(said, str)
    assert len(said) == 4096
    assert said.endswith("y\nend")


def test_a_program_finds_what_was_declared_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOMETHING_ELSE", "of ours")
    monkeypatch.setenv("A_TOKEN", "hunter2")
    action = Run(
        argv=("env",),
        undo_argv=shell(f"env > {tmp_path}/undo"),
        verify_argv=("true",),
        env={"GIVEN": "1"},
        secrets={"TOKEN": "env:A_TOKEN"},
        cwd=str(tmp_path),
    )

    async def story() -> str:
        await action.undo({}, GIVEN)
        return str((await action.apply({}, GIVEN))["said"])

    said = asyncio.run(story()).splitlines()
    assert "GIVEN=1" in said
    assert "FAILDRILL_RUN=run-7" in said
    assert f"PWD={tmp_path}" in said or not any(line.startswith("PWD=") for line in said)
    assert not any("SOMETHING_ELSE" in line or "A_TOKEN" in line for line in said)
    assert "TOKEN=•••" in said
    assert "hunter2" not in "".join(said)
    undo = (tmp_path / "undo").read_text()
    assert "TOKEN=hunter2" in undo
    assert "FAILDRILL_RUN" not in undo


@pytest.mark.parametrize(
    ("text", "outcome", "detail", "who"),
    [
        ("echo pg1; exit 0", Outcome.OK, "", "pg1"),
        ("exit 3", Outcome.WRONG, "exit 3", ""),
        ("kill -9 $$", Outcome.WRONG, "signal 9", ""),
    ],
)
def test_a_look_is_good_when_its_program_exits_0(text: str, outcome: Outcome, detail: str, who: str) -> None:
    seen = asyncio.run(Look(argv=shell(text), says_who=True).look(GIVEN))
    assert (seen.outcome, seen.detail, seen.who) == (outcome, detail, who)


def test_a_program_that_names_two_whose_names_begin_alike_names_two() -> None:
    one, other = (
        asyncio.run(Look(argv=shell(f"printf '%090d' {number}"), says_who=True).look(GIVEN)).who for number in (1, 2)
    )
    assert one != other
    assert one[:50] == other[:50] == "0" * 50


def test_a_look_cut_off_at_its_deadline_leaves_nothing_running() -> None:
    marker = f"5{os.getpid()}.5"

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await Look(argv=shell(f"sleep {marker} & sleep {marker}")).look(GIVEN)

    asyncio.run(story())
    assert are_gone(f"sleep\0{marker}")


def test_looks_through_programs_get_a_process_of_their_own() -> None:
    assert is_blocking(Look)


LEAVES = "(while echo alive; do echo >> {0}; sleep 0.02; done) & echo started"


@pytest.mark.parametrize("by", ["apply", "undo", "an undo that fails"])
def test_what_a_program_leaves_running_lives_on_when_all_of_ours_is_gone(tmp_path: Path, by: str) -> None:
    lines = tmp_path / "lines"
    argv = shell(LEAVES.format(lines) + ("; exit 3" if "fails" in by else ""))
    story = f"""
import asyncio
from faildrill.adapters.command.program import Run
from faildrill.errors import ActionFailed
from faildrill.kinds.call_context import CallContext

run = Run(argv={argv!r}, undo_argv={argv!r}, verify_argv=("false",))
try:
    asyncio.run(run.{"apply" if by == "apply" else "undo"}({{}}, CallContext("run-7", 20.0)))
except ActionFailed as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=False, timeout=60)
    try:
        assert (ran.stderr, ran.returncode) == ("", 0)
        assert ("started" in ran.stdout) == ("fails" in by)
        there = lines.read_text()
        deadline = time.monotonic() + 20
        while lines.read_text() == there:
            assert time.monotonic() < deadline, "it died of its first line that nobody read"
            time.sleep(0.01)
    finally:
        for pid in living(str(lines)):
            os.kill(int(pid), signal.SIGKILL)
    assert are_gone(str(lines))


def test_nothing_is_started_for_a_program_that_leaves_nothing_running(tmp_path: Path) -> None:
    async def story() -> None:
        before = living("faildrill.system.outlet")
        await touching(tmp_path / "effect").undo({}, GIVEN)
        assert not set(living("faildrill.system.outlet")) - set(before)

    asyncio.run(story())
