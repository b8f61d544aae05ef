"""HAProxy's file, read as its configuration manual says that HAProxy reads it."""

import pytest

from faildrill.adapters.haproxy.config_file import parse
from faildrill.adapters.haproxy.lines import Beside, Source, conditions
from faildrill.auditing.detection_time import serving
from faildrill.standards import Backend, Unread

BESIDE = Beside({}, version=(2, 8, 25))
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
    found = parse(text, BESIDE).settings.backends
    assert found is not None
    return found[name]


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
        ('timeout server "${SLOW}"', "`timeout` depends on an environment variable, and HAProxy didn't tell it"),
        (".if defined(X)", "`.if defined(X)`: whether this condition holds is unknown"),
        ('server-template "${P}" 3 x:80', "which servers it makes can't be known"),
        ('server "pay1', "no closing quotation"),
        ("timeout server soon", "'soon' is no time of HAProxy's"),
        ("spread-checks 20", "varies them by that many percent"),
    ],
)
def test_what_a_file_can_not_tell_is_unread_and_never_guessed(line: str, told: str) -> None:
    unread = parse(f"{DEFAULTS}\nbackend payments\n {line}\n").unread
    assert any(told in one.why for one in unread), unread


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('mode "${X}"', ("mode",)),
        ('balance "${X}"', ("algorithm",)),
        ('retries "${X}"', ("retries",)),
        ('option "${X}"', ("redispatch",)),
        ('timeout server "${X}"', ("timeouts", "server")),
        ("timeout server soon", ("timeouts", "server")),
        ('default-server "${X}"', ("servers", "pay1", "check", "interval")),
        ('server pay1 "${X}" check', ("servers", "pay1", "address")),
        ('server pay1 1.1.1.1:1 check inter "${X}"', ("servers", "pay1", "check", "interval")),
        ('server pay1 1.1.1.1:1 check fall "${X}"', ("servers", "pay1", "check", "fall")),
        ('server pay1 1.1.1.1:1 weight "${X}"', ("servers", "pay1", "weight")),
        ('server pay1 1.1.1.1:1 check "${X}"', ("servers", "pay1", "state")),
        ('server "${X}" 1.1.1.1:1', ("servers",)),
        ('timeout check "${X}"', ("servers", "pay1", "check", "timeout")),
        ('option httpchk GET "${X}"', ("servers", "pay1", "check", "path")),
        ('option httpchk\n http-check send uri-lf "%[path]"', ("servers", "pay1", "check", "path")),
        (".if defined(X)\n timeout server 9s\n.endif", ("timeouts", "server")),
        (".if defined(X)\n server pay2 1.1.1.1:1\n.endif", ("servers",)),
        (".if defined(X)\n mode tcp\n.else\n mode http\n.endif", ("mode",)),
    ],
)
def test_what_depends_on_what_nobody_told_is_not_known_and_the_rest_is(line: str, place: tuple[str, ...]) -> None:
    own = "\n server " in line or line.startswith("server ")
    last = "" if own else " server pay1 1.1.1.1:1 check\n"
    other = "backend other\n server a 1.1.1.1:1 check\n"
    backends = parse(f"{DEFAULTS}\nbackend payments\n {line}\n{last}{other}").settings.backends
    assert backends is not None
    found: object = backends["payments"]
    for step in place:
        found = found.get(step) if isinstance(found, dict) else getattr(found, step, None)
    assert found is None
    assert (backends["other"].mode, backends["other"].timeouts and backends["other"].timeouts.server) == ("http", 30.0)


def test_what_the_process_tells_of_its_environment_is_put_in_where_haproxy_puts_it() -> None:
    text = f"""{DEFAULTS}
global
 setenv HEALTH /healthz
backend payments
 option httpchk GET "${{HEALTH}}" HTTP/1.1
 server pay1 ${{HOST}}:80 check inter "${{INTER-7s}}" weight "$W"
 server pay2 "${{HOST}}:${{NOPE}}80" check '$W' "${{MANY[*]}}"
"""
    told = {"HEALTH": "/ignored", "HOST": "db.example", "W": "5", "MANY": "backup weight 9"}
    found = parse(text, Beside(told)).settings.backends
    assert found is not None
    one, two = (found["payments"].servers or {}).values()
    assert (one.address, one.weight, one.check and one.check.path) == ("db.example:80", 5, "/healthz")
    assert one.check is not None
    assert one.check.interval == 7.0
    assert two.address == "db.example:80"


def test_conditions_are_taken_as_the_program_decides_them_and_asked_for_once_each() -> None:
    text = f"""{DEFAULTS}
backend payments
.if version_atleast(2.6)
 retries 1
.elif streq("$A",b)
 retries 2
.else
 retries 4
.endif
.if version_atleast(2.6)
 server pay1 1.1.1.1:1
.endif
"""
    assert conditions([Source("x", text)]) == ["version_atleast(2.6)", 'streq("$A",b)']
    for first, second, retries in ((True, False, 1), (False, True, 2), (False, False, 4)):
        told = {"version_atleast(2.6)": first, 'streq("$A",b)': second}
        found = parse(text, Beside({}, told))
        assert found.unread == ()
        assert found.settings.backends is not None
        assert found.settings.backends["payments"].retries == retries
        assert bool(found.settings.backends["payments"].servers) is first


def test_several_files_are_one_configuration_and_each_begins_outside_any_section() -> None:
    files = [
        Source("a.cfg", DEFAULTS),
        Source("b.cfg", " retries 9\nbackend payments\n server pay1 1.1.1.1:1\n.if x\n.endif\n"),
    ]
    found = parse(files)
    assert found.settings.backends is not None
    assert found.settings.backends["payments"].retries == 3
    assert [one.what for one in found.unread] == ["line 4 of b.cfg"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_line_ends_where_it_ends_for_haproxy_and_nowhere_else(separator: str) -> None:
    found = backend(f"{DEFAULTS}\nbackend payments\n retries 5 # once{separator} retries 9\n")
    assert found.retries == 5


def test_a_server_that_tracks_another_has_its_check_and_its_being_out_whatever_the_chain() -> None:
    text = f"""{DEFAULTS}
backend health
 server a 1.1.1.1:1 check inter 9s disabled
backend between
 server a 1.1.1.1:1 track health/a
backend payments
 server pay1 1.1.1.1:1 track between/a
 server pay2 1.1.1.1:1 track pay1
 server pay3 1.1.1.1:1 track pay4
 server pay4 1.1.1.1:1 track pay3
"""
    servers = backend(text).servers or {}
    told = {
        name: (one.check and one.check.how, one.check and one.check.interval, one.state)
        for name, one in servers.items()
    }
    assert told["pay1"] == told["pay2"] == ("tcp", 9.0, "maint")
    assert told["pay3"] == told["pay4"] == (None, None, "ready")


def test_a_value_that_looks_like_a_word_of_its_own_is_a_value() -> None:
    [server] = (
        backend(f"{DEFAULTS}\nbackend payments\n server p 1.1.1.1:1 cookie backup check\n").servers or {}
    ).values()
    assert (server.backup, server.check and server.check.how) == (False, "tcp")


def test_a_template_makes_its_servers_and_a_disabled_backend_none() -> None:
    text = f"""{DEFAULTS}
backend payments
 server-template web 2-4 web.example:80 check inter 1s resolvers dns
 server own web.example:80
backend gone
 disabled
 server a 1.1.1.1:1
"""
    found = parse(text, BESIDE)
    assert list(found.settings.backends or {}) == ["payments"]
    assert list(backend(text).servers or {}) == ["web2", "web3", "web4", "own"]
    assert found.resolving == {("payments", name) for name in ("web2", "web3", "web4")}


def test_a_backend_that_a_map_chooses_has_no_known_timeout_of_clients_unless_all_ways_have_the_same() -> None:
    fronts = (
        "frontend a\n timeout client 1s\n use_backend %[req.hdr(host),map(x)]\nfrontend b\n default_backend payments\n"
    )
    text = f"{DEFAULTS}\n{fronts}\nbackend payments\n server p 1.1.1.1:1\n"
    assert _client(text) is None
    assert _client(text.replace("1s\n use", "30s\n use")) == 30.0
    assert _client(text.replace("%[req.hdr(host),map(x)]", "payments")) == 30.0
    assert (
        _client(f"{DEFAULTS}\n default_backend payments\nfrontend f\nbackend payments\n server p 1.1.1.1:1\n") == 30.0
    )


def _client(text: str) -> object:
    timeouts = backend(text).timeouts
    assert timeouts is not None
    return timeouts.client


@pytest.mark.parametrize(("version", "algorithm"), [((2, 6, 12), "roundrobin"), ((3, 3, 0), "random"), ((), None)])
def test_an_algorithm_that_is_not_named_is_that_of_the_running_version(
    version: tuple[int, ...], algorithm: str | None
) -> None:
    found = parse("backend b\n server a 1.1.1.1:1\n", Beside(version=version)).settings.backends
    assert found is not None
    assert found["b"].algorithm == algorithm


@pytest.mark.parametrize(
    ("words", "standing"), [("", "kept"), ("on-marked-down shutdown-sessions", "ended"), ('on-marked-down "$X"', None)]
)
def test_what_becomes_of_standing_connections_is_read(words: str, standing: str | None) -> None:
    found = parse(f"{DEFAULTS}\nbackend b\n server a 1.1.1.1:1 {words}\n").settings.backends
    assert found is not None
    assert [one.standing for one in (found["b"].servers or {}).values()] == [standing]


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        ("", False),
        ("option tcp-check", False),
        ("option tcp-check\n tcp-check connect port 6379", False),
        ("option tcp-check\n tcp-check expect string role:master", True),
        ("option httpchk", True),
        ("option ssl-hello-chk", False),
    ],
)
def test_a_check_that_only_connects_is_told_from_one_that_asks(lines: str, asks: bool) -> None:
    [server] = (backend(f"{DEFAULTS}\nbackend payments\n {lines}\n server a 1.1.1.1:1 check\n").servers or {}).values()
    assert server.check is not None
    assert server.check.asks is asks


def test_a_section_of_a_later_version_is_none_of_the_proxy_before_it() -> None:
    text = f"{DEFAULTS}\nbackend payments\n retries 1\nhealthcheck h\n retries 9\n type httpchk\n"
    assert backend(text).retries == 1


def test_a_server_that_a_rule_assigns_requests_to_is_one_of_those_in_use() -> None:
    found = backend(
        "backend payments\n use-server www if { req.ssl_sni -i www.example.com }\n"
        " server www 127.0.0.1:1 weight 0 check\n server spare 127.0.0.1:2 weight 0 check\n server other 127.0.0.1:3\n"
    )
    assert {name: one.assigned for name, one in (found.servers or {}).items()} == {
        "www": True,
        "spare": False,
        "other": False,
    }
    assert list(serving(found)) == ["www", "other"]


def test_a_rule_that_names_its_server_by_what_is_asked_for_may_mean_any() -> None:
    text = (
        "backend payments\n use-server %[req.hdr(x)] if TRUE\n server a 127.0.0.1:1 weight 0\n server b 127.0.0.1:2\n"
    )
    assert list(serving(backend(text))) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "told", "lost"),
    [
        ("inter 0", "`inter 0` is not a time longer than 0", {"interval"}),
        ("inter 0 fastinter 1s downinter 1s", "`inter 0` is not a time longer than 0", {"interval"}),
        ("fastinter 0ms", "`fastinter 0ms` is not a time longer than 0", {"fast_interval"}),
        ("downinter never", "`downinter never` is not a time longer than 0", {"down_interval"}),
        ("fall 0", "`fall 0` is not a number of 1 or more", {"fall"}),
        ("rise x", "`rise x` is not a number of 1 or more", {"rise"}),
        (f"rise {'9' * 5000}", f"`rise {'9' * 40}` is not a number of 1 or more", {"rise"}),
        (f"inter {'9' * 5000}", f"`inter {'9' * 40}` is not a time longer than 0", {"interval"}),
    ],
)
def test_a_value_that_haproxy_refuses_is_lost_alone_and_told_at_its_line(words: str, told: str, lost: set[str]) -> None:
    text = (
        "backend payments\n timeout connect 1s\n timeout check 1s\n"
        f" server a 127.0.0.1:1 check {words}\n server b 127.0.0.1:2 check\n"
    )
    files = parse(text, BESIDE)
    assert Unread("backend payments, line 4", told) in files.unread
    servers = (files.settings.backends or {})["payments"].servers or {}
    assert servers["b"].check is not None
    assert servers["b"].check.interval == 2
    assert servers["a"].check is not None
    known = {name for name, value in servers["a"].check if value is not None}
    gone = {"interval", "fast_interval", "down_interval", "fall", "rise"} - known
    assert gone >= lost
    assert not gone & {"fall", "rise"} - lost


def test_a_value_for_all_servers_that_haproxy_refuses_is_told_once() -> None:
    text = "backend payments\n default-server inter 0\n server a 127.0.0.1:1 check\n server b 127.0.0.1:2 check\n"
    assert parse(text, BESIDE).unread == (Unread("backend payments, line 2", "`inter 0` is not a time longer than 0"),)


@pytest.mark.parametrize("word", ["weight", "maxconn", "retries"])
def test_a_number_that_is_none_is_not_known(word: str) -> None:
    line = f" retries {'9' * 5000}\n server a 127.0.0.1:1" if word == "retries" else f" server a 127.0.0.1:1 {word} x"
    found = backend(f"backend payments\n{line}\n")
    assert found.servers is not None
    assert {
        "weight": found.servers["a"].weight,
        "maxconn": found.servers["a"].max_connections,
        "retries": found.retries,
    }[word] is None
