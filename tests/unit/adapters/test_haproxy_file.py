"""HAProxy's file, read as its configuration manual says that HAProxy reads it."""

import pytest

from faildrill.adapters.haproxy.file import parse
from faildrill.settings import Backend

DEFAULTS = """
global
    maxconn 4000   # not a server's
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30000
    option redispatch 1
    default-server inter 500ms fall 2
"""


def backend(text: str, name: str = "payments") -> Backend:
    """Read one backend of a file."""
    settings, _ = parse(text)
    assert settings.backends is not None
    return settings.backends[name]


@pytest.mark.parametrize(
    ("lines", "place", "value"),
    [
        ("", ("mode",), "http"),
        ("mode tcp", ("mode",), "tcp"),
        ("", ("algorithm",), "roundrobin"),
        ("balance hdr(X-User)", ("algorithm",), "hdr"),
        ("", ("redispatch",), True),
        ("no option redispatch", ("redispatch",), False),
        ("", ("retries",), 3),
        ("retries 5", ("retries",), 5),
        ("", ("stickiness",), "none"),
        ("cookie SRV insert", ("stickiness",), "cookie"),
        ("stick on src", ("stickiness",), "table"),
        ("", ("timeouts", "server"), 30.0),
        ("timeout server 2m", ("timeouts", "server"), 120.0),
        ("timeout server 0", ("timeouts", "server"), "none"),
        ("", ("timeouts", "queue"), 1.0),
        ("timeout queue 5s", ("timeouts", "queue"), 5.0),
        ("", ("timeouts", "client"), 10.0),
    ],
)
def test_a_backend_takes_what_it_says_and_inherits_the_rest(lines: str, place: tuple[str, ...], value: object) -> None:
    text = f"{DEFAULTS}\nfrontend f\n timeout client 10s\n default_backend payments\nbackend payments\n {lines}\n"
    found: object = backend(f"{text} server pay1 127.0.0.1:1 check\n")
    for step in place:
        found = getattr(found, step)
    assert found == value


@pytest.mark.parametrize(
    ("words", "lines", "expected"),
    [
        ("", "", {"how": "none"}),
        ("check", "", {"how": "tcp", "interval": 0.5, "timeout": 0.5, "connect": 0.0, "fall": 2, "rise": 2}),
        ("check", "timeout check 3s", {"how": "tcp", "timeout": 3.0, "connect": 0.5}),
        ("check inter 10s", "timeout check 3s", {"interval": 10.0, "connect": 1.0}),
        (
            "check inter 1s fastinter 100ms",
            "option httpchk GET /up",
            {"how": "http", "path": "/up", "fast_interval": pytest.approx(0.1)},
        ),
        ("check", "option httpchk", {"how": "http", "path": "/"}),
        ("check", "option httpchk\n http-check send meth GET uri /up", {"how": "http", "path": "/up"}),
        ("check", "option pgsql-check user x", {"how": "pgsql"}),
        ("check no-check", "", {"how": "none"}),
        ("track other/pay9", "", {"how": None}),
        ("agent-check", "", {"how": "agent"}),
    ],
)
def test_a_check_is_read_with_what_the_manual_says_where_nothing_is_said(
    words: str, lines: str, expected: dict[str, object]
) -> None:
    found = backend(f"{DEFAULTS}\nbackend payments\n {lines}\n server pay1 127.0.0.1:1 {words}\n")
    assert found.servers is not None
    check = found.servers["pay1"].check
    assert check is not None
    assert {name: getattr(check, name) for name in expected} == expected


def test_a_server_is_read_with_its_weight_state_and_limit() -> None:
    text = f"{DEFAULTS}\nbackend payments\n server pay1 10.0.0.1:80 weight 7 maxconn 30 backup disabled\n"
    [server] = (backend(text).servers or {}).values()
    assert (server.weight, server.max_connections, server.backup, server.state) == (7, 30, True, "maint")
    [plain] = (backend(f"{DEFAULTS}\nbackend payments\n server pay1 10.0.0.1:80\n").servers or {}).values()
    assert (plain.weight, plain.max_connections, plain.backup, plain.state) == (1, "none", False, "ready")


def test_a_second_defaults_begins_anew_and_a_named_one_is_taken_where_it_is_named() -> None:
    text = "defaults slow\n mode http\n timeout server 1m\ndefaults\n timeout server 1s\nbackend payments from slow\n"
    assert backend(text).timeouts is not None
    found = backend(text)
    assert (found.mode, found.timeouts and found.timeouts.server) == ("http", 60.0)
    other = backend(text.replace(" from slow", ""))
    assert (other.mode, other.timeouts and other.timeouts.server) == ("tcp", 1.0)


def test_quotes_and_comments_are_read_as_haproxy_reads_them() -> None:
    text = 'backend payments # the one\n balance "leastconn" # not roundrobin\n server pay1 127.0.0.1:1 # check\n'
    found = backend(text)
    assert found.algorithm == "leastconn"
    assert [one.check and one.check.how for one in (found.servers or {}).values()] == ["none"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('timeout server "${SLOW}"', "depends on an environment variable"),
        (".if defined(X)", "can't be known from the file"),
        ("server-template web 3 x:80", "known only at run time"),
        ('server "pay1', "no closing quotation"),
    ],
)
def test_what_a_file_can_not_tell_is_unread_and_never_guessed(line: str, told: str) -> None:
    _, unread = parse(f"{DEFAULTS}\nbackend payments\n {line}\n")
    assert [told in one.why for one in unread] == [True]


@pytest.mark.parametrize("text", ["backend x\n timeout server soon\n", "backend x\n server a b check inter x\n"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of HAProxy's"):
        parse(text)
