"""Connection strings, service files and `.pgpass`, read as psql reads them."""

from pathlib import Path

import pytest

from faildrill.adapters.postgres.conninfo import Endpoint, Login, Unreadable

SOCKETS = "/var/run/postgresql"


def endpoints(dsn: str, **settings: str) -> list[Endpoint]:
    return Login("", "", "", "", None, tuple(settings.items()), dsn).endpoints()


@pytest.fixture
def passfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pgpass"
    monkeypatch.setenv("PGPASSFILE", str(path))
    return path


@pytest.mark.parametrize(
    ("dsn", "line", "password"),
    [
        ("host=db1 hostaddr=127.0.0.1 user=fd", "db1:*:*:fd:by-its-name", "by-its-name"),
        ("host=db1 hostaddr=127.0.0.1 user=fd", "127.0.0.1:*:*:fd:by-its-address", None),
        ("hostaddr=127.0.0.1 user=fd", "127.0.0.1:*:*:fd:by-its-address", "by-its-address"),
        ("host=/srv/sock user=fd", "/srv/sock:*:*:fd:of-its-folder", "of-its-folder"),
        ("host=/srv/sock user=fd", "localhost:*:*:fd:of-another-one", None),
        (f"host={SOCKETS} user=fd", "localhost:*:*:fd:of-the-default", "of-the-default"),
        ("host=db1 user=fd", "*:*:*:fd:long\u2028swordfish", "long\u2028swordfish"),
        ("host=db1 user=fd", "*:*:*:fd:swordfish:more", "swordfish"),
        ("host=db1 user=fd", r"*:*:*:fd:pass\:word\\more", r"pass:word\more"),
        ("host=db1 user=fd", "\\*:*:*:fd:a-host-called-star", None),
        ("host=db1 user=fd", "*:*:*:fd:password-of-windows\r", "password-of-windows"),
        ("host=::1 user=fd", r"\:\:1:*:*:fd:password-of-six", "password-of-six"),
        ("host=db1 user=fd", "#db1:*:*:fd:commented-out", None),
        ("host=db1 user=fd", "db1:5432:fd", None),
    ],
)
def test_a_password_file_is_read_as_psql_reads_it(passfile: Path, dsn: str, line: str, password: str | None) -> None:
    passfile.write_bytes(f"{line}\n".encode())
    passfile.chmod(0o600)
    assert endpoints(dsn)[0].secret == password


@pytest.mark.parametrize(
    ("url", "host", "port", "settings"),
    [
        ("postgresql://fd:a+b%2B@db1/x", "db1", 5432, {"password": "a+b+"}),
        ("postgresql://fd@db1/x?options=-c%20search_path%3Da+b", "db1", 5432, {"options": "-c search_path=a+b"}),
        ("postgresql://fd:p[w@db1/x", "db1", 5432, {"password": "p[w"}),
        ("postgresql://fd:p?w%23@db1/x", "db1", 5432, {"password": "p?w#"}),
        ("postgresql://fd@[::1]:5433/x", "::1", 5433, {"dbname": "x"}),
        ("postgresql://fd@%2Fsrv%2Fsock/x%2Fy", "/srv/sock", 5432, {"dbname": "x/y"}),
        ("postgresql:///x?host=db1&user=fd&ssl=true", "db1", 5432, {"sslmode": "require"}),
    ],
)
def test_a_url_is_read_as_psql_reads_it(url: str, host: str, port: int, settings: dict[str, str]) -> None:
    [one] = endpoints(url)
    assert (one.host, one.port) == (host, port)
    assert settings.items() <= one.settings.items()


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("host=db1 port=70000 user=fd", "'70000' is no port: a number from 1 to 65535"),
        ("postgresql://fd@db1:70000/x", "'70000' is no port"),
        ("host=db1 port=0 user=fd", "'0' is no port"),
        ("host=db1 user=fd connect_timeout=abc", "connect_timeout is a whole number of seconds"),
        ("postgresql://fd@[::1/x", "an IPv6 address is written"),
        ("postgresql://fd:p%w@db1/x", "in the password of the URL, a % is written %25"),
        ("postgresql://fd@db1/x?sslmode", "the parameters of the URL are NAME=VALUE"),
        ("host=db1,db2 hostaddr=10.0.0.1 user=fd", "2 hosts for 1 addresses"),
    ],
)
def test_what_is_wrong_with_a_connection_string_is_said(dsn: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said.replace("[", r"\[")):
        endpoints(dsn)


def test_an_empty_host_among_several_is_the_folder_of_sockets() -> None:
    assert [one.host for one in endpoints("host=,db2 user=fd")] == [SOCKETS, "db2"]
    assert [one.within for one in endpoints("host=db1 user=fd connect_timeout=' 5 '")] == [5.0]
    assert [one.within for one in endpoints("host=db1 user=fd connect_timeout=-1")] == [None]


def test_of_a_service_file_only_the_own_section_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    path.write_text(
        "no section\n[bad]\nhost db1\n[DEFAULT]\nuser=evil\n[pay]\n# the primary\nhost=db1\nhost=db2\nuser=fd\n[more]\n"
    )
    [one] = endpoints("service=pay")
    assert (one.host, one.user) == ("db1", "fd")
    with pytest.raises(Unreadable, match=r"services:3: a line of a service is `name=value`"):
        endpoints("service=bad")
