"""What a file names by a path is the same from any folder: programs, where they begin, sockets."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from faildrill.adapters.postgres.target import Database
from faildrill.kinds import Shape, find
from faildrill.kinds.parameter_roles import absolute, portable
from faildrill.secrets import Reference

FOLDER = Path("/srv/drills")


def as_read(kind: str, shape: Shape, **given: JsonValue) -> dict[str, JsonValue]:
    absolute(find(kind, shape), given, FOLDER)
    return given


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("./rm.sh", "/srv/drills/rm.sh"),
        ("bin/rm", "/srv/drills/bin/rm"),
        ("../rm.sh", "/srv/rm.sh"),
        ("/bin/rm", "/bin/rm"),
        ("rm", "rm"),
    ],
)
def test_a_program_with_a_slash_is_found_from_the_folder_of_its_file(written: str, read: str) -> None:
    programs = as_read("command.run", "action", argv=[written, "./x"], undo_argv=[written], verify_argv=[written])
    assert programs["argv"] == [read, "./x"]
    assert programs["undo_argv"] == programs["verify_argv"] == [read]


def test_a_program_begins_in_the_folder_of_its_file_and_in_another_that_is_named_from_there() -> None:
    assert as_read("command.agrees", "guard", argv=["true"])["cwd"] == "/srv/drills/"  # by default
    assert as_read("command.look", "probe", argv=["true"], cwd="sub")["cwd"] == "/srv/drills/sub"


def test_what_starts_a_process_and_what_tests_a_file_are_programs_too() -> None:
    named = as_read("process.kill", "action", pid_file="one.pid", start=["./start"], control="./ctl")
    assert (named["pid_file"], named["start"], named["control"]) == (
        "/srv/drills/one.pid",
        ["/srv/drills/start"],
        "/srv/drills/ctl",
    )
    nginx = as_read("nginx.broken_file", "action", file="a.conf", config="n.conf", pid_file="n.pid", binary="./nginx")
    assert {nginx[name] for name in ("file", "config", "pid_file", "binary")} == {
        "/srv/drills/a.conf",
        "/srv/drills/n.conf",
        "/srv/drills/n.pid",
        "/srv/drills/nginx",
    }


def test_what_starts_a_process_begins_in_the_folder_of_its_file() -> None:
    """So that a path among its arguments is found by whoever puts back: `sh ./start`."""
    named = as_read("process.kill", "action", pid_file="one.pid", start=["sh", "./start"])
    assert named["cwd"] == "/srv/drills/"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("file:token", "file:/srv/drills/./token"),
        ("file:../keys/token", "file:/srv/drills/./../keys/token"),
        ("file:/run/token", "file:/run/token"),
        ("file:~/token", "file:~/token"),
        ("file:${steps.make.folder}/token", "file:${steps.make.folder}/token"),
        ("env:TOKEN", "env:TOKEN"),
    ],
)
def test_a_file_that_holds_a_secret_is_found_from_the_folder_of_the_file_that_names_it(written: str, read: str) -> None:
    assert as_read("http.request", "probe", secret_headers={"A": written})["secret_headers"] == {"A": read}
    secrets = as_read("command.run", "action", secrets={"A": written}, env={"B": written})
    assert (secrets["secrets"], secrets["env"]) == ({"A": read}, {"B": written})
    target: dict[str, JsonValue] = {"dsn": written, "password": written, "user": written}
    absolute(Database, target, FOLDER)
    assert target == {"dsn": read, "password": read, "user": written}


def test_a_secret_is_read_from_there(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-of-a-token", encoding="ascii")
    given: dict[str, JsonValue] = {"password": "file:token"}
    absolute(Database, given, tmp_path)
    assert Reference(str(given["password"])).resolve().reveal() == "canary-of-a-token"


def test_what_a_step_gives_is_left_as_it_is() -> None:
    given = as_read("command.run", "action", argv=["${steps.make.folder}/rm"])
    assert given["argv"] == ["${steps.make.folder}/rm"]


def test_what_is_asked_of_another_checkout_is_the_same_but_for_a_folder_that_was_written() -> None:
    def read_in(folder: str, **given: JsonValue) -> JsonValue:
        absolute(find("command.run", "action"), given, Path(folder))
        return portable({"steps": [{"use": {"params": given}}]})

    given: dict[str, JsonValue] = {"argv": ["./make", "now"], "undo_argv": ["systemctl", "start", "x"]}
    given["secrets"] = {"A": "file:token", "B": "file:../token"}
    ada, bob = read_in("/home/ada/drills", **given), read_in("/home/bob/drills", **given)
    assert ada == bob == {"steps": [{"use": {"params": given}}]}
    assert read_in("/home/ada", cwd="/srv", **given) != read_in("/home/ada", **given)
