"""The commands that bundle runs and check bundles, and how they end where something is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.record import chain
from unit.bundling.made import night, nights

Command = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reports").mkdir()
    nights(tmp_path / "reports", 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def called(here: Path) -> Command:
    assert here.is_dir()
    return lambda *words: CliRunner().invoke(cli, ["bundle", *words])


def test_a_bundle_that_was_changed_ends_with_1_and_says_what_is_wrong(called: Command, here: Path) -> None:
    assert called("last").exit_code == 0
    content = (here / "bundle.tar").read_bytes()
    (here / "bundle.tar").write_bytes(content.replace(b'"sre"', b'"dba"'))
    done = called("verify", "bundle.tar")
    assert done.exit_code == 1
    assert "WRONG       SHA256SUMS and the files differ: one of the two was changed\n" in done.stdout


def test_a_file_that_is_there_is_never_replaced(called: Command, here: Path) -> None:
    (here / "bundle.tar").write_text("mine")
    done = called("last")
    assert (done.exit_code, done.stderr) == (2, "bundle.tar is there already: name another file with -o\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name runs, or all of a time with --since"),
        (("last", "--since", "2026-07-01"), "name runs, or all of a time with --since"),
        (("last", "--drill", "crash"), "name runs, or all of a time with --since"),
        (("--since", "yesterday"), "'yesterday' is no date: write it as 2026-07-01"),
        (("--since", "2030-01-01"), "no run in reports was begun then"),
        (("nothing",), "no run 'nothing'"),
        (("verify", "nothing.tar"), "nothing.tar can't be read: No such file or directory"),
    ],
)
def test_what_can_not_be_done_is_told(words: tuple[str, ...], told: str, called: Command) -> None:
    done = called(*words)
    assert done.exit_code == 2
    assert told in done.output


def test_a_key_that_can_not_sign_leaves_no_bundle(called: Command, here: Path) -> None:
    (here / "key").write_text("no key")
    assert called("last", "--sign", "key").exit_code == 2
    assert not (here / "bundle.tar").exists()


def test_pruning_is_entered_into_the_chain(here: Path) -> None:
    recorded = [night(here / "reports", number) for number in range(2, 66)]
    done = CliRunner().invoke(cli, ["prune", "--older-than", "1s", "--yes"])
    gone = [one.name for one in recorded if not one.exists()]
    assert len(gone) > 2, done.output
    links = chain.decode((here / "reports" / chain.FILE).read_bytes()).links
    removed = [link.what.run for link in links if isinstance(link.what, chain.Removed)]
    assert set(gone) <= set(removed)
