"""NGINX's configuration: from its files, and from what `nginx -T` prints; the same either way."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from faildrill.adapters.nginx.settings import Upstreams
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.standards import Backend, SettingsRead, Standard, differences

GIVEN = CallContext("audit", 5.0)
MAIN = """\
events {}
http {
    proxy_read_timeout 20;
    include conf.d/*.conf;
    upstream payments {
        least_conn;
        server 10.0.0.1:80 weight=5 max_fails=3 fail_timeout=30s max_conns=50;
        server 10.0.0.2:80 backup;
        server 10.0.0.3:80 down max_fails=0;
    }
}
stream {
    upstream database { server 10.0.1.1:5432; server 10.0.1.2:5432; }
    server { listen 5000; proxy_connect_timeout 1s; proxy_pass database; }
}
"""
SITE = """\
server {
    listen 80;
    location / { proxy_connect_timeout 500ms; proxy_next_upstream off; proxy_pass http://payments; }
    location /one { proxy_pass http://10.0.0.9:8080/x; }
    location /late { proxy_pass http://$where; }
}
"""
DUMP = (
    f"# configuration file /etc/nginx/nginx.conf:\n{MAIN}\n# configuration file /etc/nginx/conf.d/site.conf:\n{SITE}\n"
)


def reading(folder: Path, how: str) -> SettingsRead:
    """Read it in one of the two ways."""
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "site.conf").write_text(SITE, encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN, encoding="utf-8")
    (folder / "dump").write_text(DUMP, encoding="utf-8")
    kind = Upstreams(file=str(folder / "nginx.conf")) if how == "file" else Upstreams(dump=str(folder / "dump"))
    return asyncio.run(kind.settings(GIVEN))


@pytest.mark.parametrize("how", ["file", "dump"])
def test_upstreams_are_read_with_what_passes_requests_to_them(tmp_path: Path, how: str) -> None:
    found = reading(tmp_path, how)
    backends = found.live.backends
    assert backends is not None
    assert sorted(backends) == ["10.0.0.9:8080", "database", "payments"]
    pay = backends["payments"]
    assert (pay.mode, pay.algorithm, pay.redispatch) == ("http", "least_conn", False)
    assert backends["database"].algorithm == "roundrobin"
    assert pay.timeouts is not None
    assert (pay.timeouts.connect, pay.timeouts.server) == (0.5, 20.0)
    first, second, third = (pay.servers or {}).values()
    assert (first.weight, first.max_connections, first.check and first.check.fall) == (5, 50, 3)
    assert (second.backup, second.check and second.check.how) == (True, "passive")
    assert (third.state, third.check and third.check.how) == ("maint", "none")
    assert _tcp(backends["database"]) == ("tcp", True, 1.0, 600.0)
    assert [one.what for one in found.unread] == ["proxy_pass $where"]


def _tcp(backend: Backend) -> tuple[object, ...]:
    timeouts = backend.timeouts
    assert timeouts is not None
    return backend.mode, backend.redispatch, timeouts.connect, timeouts.server


@pytest.mark.parametrize("text", ["http { upstream x {", "no dump at all"])
def test_what_is_no_configuration_can_not_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong").write_text(text, encoding="utf-8")
    for kind in (Upstreams(file=str(tmp_path / "wrong")), Upstreams(dump=str(tmp_path / "wrong"))):
        with pytest.raises(CannotSee, match="can't be read"):
            asyncio.run(kind.settings(GIVEN))


def test_a_source_that_is_not_there_can_not_be_read() -> None:
    for kind in (Upstreams(file="/nowhere/nginx.conf"), Upstreams(binary="/nowhere/nginx")):
        with pytest.raises(CannotSee, match=r"[Nn]o such file"):
            asyncio.run(kind.settings(GIVEN))


def test_one_source_is_named_and_no_more() -> None:
    with pytest.raises(ValueError, match="name one source"):
        Upstreams(file="a", dump="b")


def backends(folder: Path, http: str, more: str = "") -> tuple[dict[str, Backend], SettingsRead]:
    """Read the inside of an `http` block."""
    (folder / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{http}\n}}\n{more}\n", encoding="utf-8")
    found = asyncio.run(Upstreams(file=str(folder / "nginx.conf")).settings(GIVEN))
    assert found.live.backends is not None
    return found.live.backends, found


TWO = "upstream app { server 127.0.0.1:1; server 127.0.0.1:2; }\n"


def test_every_place_that_leads_to_an_upstream_counts_and_not_only_the_first(tmp_path: Path) -> None:
    quick = "location /health { proxy_pass http://app; proxy_connect_timeout 1s; proxy_read_timeout 2s; }"
    slow = "location / { proxy_pass http://app; proxy_read_timeout 3600s; proxy_next_upstream off; }"
    found, _ = backends(tmp_path, TWO + f"server {{ listen 80; {quick} {slow} }}")
    standard = {"redispatch": True, "timeouts": {"connect": "1s", "server": "2s"}}
    told = [str(one) for one in differences(Backend.model_validate(standard), found["app"], ("backends", "app"))]
    assert told == [
        "redispatch of app (location /): off, the standard says on",
        "timeout connect of app (location /): 1 min, the standard says 1 s",
        "timeout server of app (location /): 1 h, the standard says 2 s",
    ]
    approved = {
        **standard,
        "routes": {"location /": {"redispatch": False, "timeouts": {"connect": "1m", "server": "1h"}}},
    }
    assert list(differences(Backend.model_validate(approved), found["app"], ("backends", "app"))) == []


@pytest.mark.parametrize(
    ("directive", "target", "family"),
    [
        ("proxy_pass", "http://APP/x", "proxy"),
        ("proxy_pass", "https://App$request_uri", "proxy"),
        ("grpc_pass", "grpc://app", "grpc"),
        ("fastcgi_pass", "app", "fastcgi"),
        ("uwsgi_pass", "uwsgi://app", "uwsgi"),
        ("scgi_pass", "app", "scgi"),
        ("memcached_pass", "app", "memcached"),
    ],
)
def test_whatever_passes_requests_on_is_read_in_its_own_words_and_any_case(
    tmp_path: Path, directive: str, target: str, family: str
) -> None:
    words = f"{family}_connect_timeout 3s; {family}_read_timeout 1m30s; {family}_next_upstream off;"
    found, reading = backends(tmp_path, f"{TWO} {words} server {{ location / {{ {directive} {target}; }} }}")
    app = found["app"]
    assert (list(found), reading.unread, app.redispatch) == (["app"], (), False)
    assert app.timeouts is not None
    assert (app.timeouts.connect, app.timeouts.server) == (3.0, 90.0)


def test_what_maps_and_variables_can_name_is_followed_and_what_they_can_not_is_unread(tmp_path: Path) -> None:
    maps = "map $host $pool { default app; ~^b b:90; } split_clients $x $half { 50% app; * c:1; }"
    places = "set $whole http://app; location /a { proxy_pass http://$pool; proxy_read_timeout 1s; }"
    places += " location /b { proxy_pass http://${half}$uri; } location /c { proxy_pass $whole; }"
    found, reading = backends(tmp_path, f"{TWO} {maps} server {{ {places} }}")
    assert sorted(found) == ["app", "b:90", "c:1"]
    assert sorted(found["app"].routes or {}) == ["location /a", "location /b", "location /c"]
    assert reading.unread == ()
    opened = maps.replace("~^b b:90", "~^(.*)$ $1")
    _, reading = backends(tmp_path, f"{TWO} {opened} server {{ {places} }}")
    assert [one.what for one in reading.unread] == ["proxy_pass $pool"]


def test_an_upstream_that_nothing_leads_to_is_told_and_what_may_lead_to_it_leaves_it_open(tmp_path: Path) -> None:
    found, reading = backends(tmp_path, "proxy_read_timeout 7s;" + TWO)
    assert [one.what for one in reading.asides] == ["nothing passes requests to upstream app"]
    assert found["app"].timeouts is not None
    assert found["app"].timeouts.server == 7.0
    found, reading = backends(tmp_path, TWO + "server { location / { proxy_pass http://$http_x; } }")
    assert (found["app"].timeouts, found["app"].redispatch, reading.asides) == (None, None, ())


def test_a_file_that_is_no_main_file_is_not_as_approved(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("server { location / { proxy_pass http://a:1; } }", encoding="utf-8")
    found = asyncio.run(Upstreams(file=str(tmp_path / "site.conf")).settings(GIVEN))
    assert ["neither `http` nor `stream`" in one.why for one in found.unread] == [True]


def test_an_included_file_that_is_not_there_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    found, reading = backends(
        tmp_path, f"include gone/mime.types; {TWO} server {{ location / {{ proxy_pass http://app; }} }}"
    )
    assert list(found) == ["app"]
    assert ["mime.types" in one.why for one in reading.unread] == [True]


def test_what_chooses_servers_by_other_means_is_not_taken_for_nginx_own(tmp_path: Path) -> None:
    upstream = "upstream app { server 0.0.0.1; balancer_by_lua_block { x() } }"
    text = f"{upstream} server {{ location / {{ proxy_pass http://app; }} }}"
    found, reading = backends(tmp_path, text)
    assert (found["app"].algorithm, found["app"].servers) == (None, None)
    assert [one.what for one in reading.unread] == ["upstream app"]


def test_checks_are_read_as_they_are_meant_in_each_part_and_by_each_module(tmp_path: Path) -> None:
    place = "server { listen 1; proxy_pass db; health_check interval=3; }"
    stream = f"stream {{ upstream db {{ server 127.0.0.1:5; zone x 1m; }} {place} }}"
    module = "check interval=3000 rise=2 fall=5 timeout=1000 type=tcp;"
    http = TWO.replace("; }", f"; {module} }}") + "server { location / { proxy_pass http://app; } }"
    found, _ = backends(tmp_path, http, stream)
    checks = {name: next(one.check for one in (backend.servers or {}).values()) for name, backend in found.items()}
    assert checks["db"] is not None
    assert (checks["db"].how, checks["db"].interval) == ("tcp", 3.0)
    assert checks["app"] is not None
    assert (checks["app"].how, checks["app"].interval, checks["app"].fall) == ("tcp", 3.0, 5)


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ("server a:80 weight=x;", "`weight=x` is nothing that NGINX takes there"),
        (f"server a:80 max_fails={'9' * 5000};", f"`max_fails={'9' * 40}` is nothing that NGINX takes there"),
        ("server a:80 fail_timeout=soon;", "`fail_timeout=soon` is nothing that NGINX takes there"),
        ("server a:80; check interval=0 fall=2;", "`interval=0` is nothing that NGINX takes there"),
        ("server a:80; check interval=1000 fall=0;", "`fall=0` is nothing that NGINX takes there"),
        ("server a:80; check interval=1000 timeout=x;", "`timeout=x` is nothing that NGINX takes there"),
    ],
)
def test_a_value_that_nginx_refuses_is_lost_alone_and_told_at_its_line(tmp_path: Path, inner: str, told: str) -> None:
    there = "upstream other { server c:80 weight=7; server d:80; } "
    places = "server { location / { proxy_pass http://app; } location /x { proxy_pass http://other; } }"
    found, reading = backends(tmp_path, f"{there}\nupstream app {{\n{inner}\nserver b:80; }} {places}")
    assert [(one.what.startswith("upstream app, line "), one.why) for one in reading.unread] == [(True, told)]
    assert (found["other"].servers or {})["c:80"].weight == 7
    assert list(found["app"].servers or {}) == ["a:80", "b:80"]


@pytest.mark.parametrize(
    "words",
    ["health_check interval=0 fails=0;", "proxy_next_upstream_tries x;", f"proxy_next_upstream_tries {'9' * 5000};"],
)
def test_a_value_of_a_place_that_nginx_refuses_is_not_known(tmp_path: Path, words: str) -> None:
    found, _ = backends(tmp_path, f"{TWO} server {{ location / {{ {words} proxy_pass http://app; }} }}")
    assert list(found["app"].servers or {})


@pytest.mark.parametrize("depth", [65, 3_000, 30_000])
def test_blocks_that_are_nested_too_deep_are_refused_where_they_are(tmp_path: Path, depth: int) -> None:
    (tmp_path / "nginx.conf").write_text("events {}\n" + "a {\n" * depth + "}\n" * depth, encoding="utf-8")
    with pytest.raises(CannotSee, match=r"nginx.conf, line 66: blocks nested more than 64 deep"):
        asyncio.run(Upstreams(file=str(tmp_path / "nginx.conf")).settings(GIVEN))


def test_a_quotation_without_an_end_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("events {} user 'www", encoding="utf-8")
    with pytest.raises(CannotSee, match=r"nginx.conf: it ends within a word"):
        asyncio.run(Upstreams(file=str(tmp_path / "nginx.conf")).settings(GIVEN))


def test_a_server_that_is_alone_is_never_taken_out_and_a_name_may_be_several(tmp_path: Path) -> None:
    for address, how in (("10.0.0.1:80", "none"), ("app.example:80", "passive"), ("localhost:80", "passive")):
        found, _ = backends(tmp_path, f"server {{ location / {{ proxy_pass http://{address}; }} }}")
        assert [one.check and one.check.how for one in (found[address].servers or {}).values()] == [how]


def test_an_upstream_without_a_server_gets_them_at_run_time_and_is_unread(tmp_path: Path) -> None:
    _, reading = backends(tmp_path, "upstream app { zone a 1m; } server { location / { proxy_pass http://app; } }")
    assert [one.what for one in reading.unread] == ["upstream app"]


def test_one_address_that_is_listed_twice_is_two_servers(tmp_path: Path) -> None:
    text = "upstream app { server a:1; server a:1 weight=3; } server { location / { proxy_pass http://app; } }"
    found, _ = backends(tmp_path, text)
    assert [(name, one.weight) for name, one in (found["app"].servers or {}).items()] == [("a:1", 1), ("a:1 (2)", 3)]


FAMILIES = ("proxy", "grpc", "fastcgi", "uwsgi", "scgi", "memcached")


@pytest.mark.parametrize(
    ("lines", "goes_on"),
    [
        ([], True),
        (["error timeout"], True),
        (["http_500 ERROR"], True),
        (["error", "http_500"], True),
        (["timeout"], False),
        (["http_502 http_503 http_504"], False),
        (["off"], False),
        (["error off"], False),
    ],
)
def test_a_refused_connection_goes_to_the_next_server_only_where_error_is_among_the_words(
    tmp_path: Path, lines: list[str], goes_on: bool
) -> None:
    places = [
        f"location /{family} {{ {' '.join(f'{family}_next_upstream {words};' for words in lines)} {family}_pass "
        f"{'http://' * (family == 'proxy')}app; }}"
        for family in FAMILIES
    ]
    found, _ = backends(tmp_path, f"{TWO} server {{ {' '.join(places)} }}")
    assert (found["app"].redispatch, found["app"].retries) == (goes_on, int(goes_on))


@pytest.mark.parametrize(("words", "goes_on"), [("", True), ("on", True), ("OFF", False), ("x", None)])
def test_in_stream_it_goes_to_the_next_server_unless_that_is_off(
    tmp_path: Path, words: str, goes_on: bool | None
) -> None:
    written = f"proxy_next_upstream {words};" if words else ""
    _, reading = backends(tmp_path, "", f"stream {{ {TWO} server {{ listen 1; {written} proxy_pass app; }} }}")
    assert (reading.live.backends or {})["app"].redispatch is goes_on


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", 60.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("1d", 86400.0),
        ("2w", 14 * 86400.0),
        ("1M", 30 * 86400.0),
        ("x", None),
    ],
)
def test_times_are_read_as_nginx_reads_them(tmp_path: Path, text: str, expected: float | None) -> None:
    place = f"server {{ location / {{ proxy_pass http://app; proxy_read_timeout {text}; }} }}"
    found, _ = backends(tmp_path, TWO + place)
    assert found["app"].timeouts is not None
    assert found["app"].timeouts.server == expected


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_itself_prints_the_same_as_its_files_hold(tmp_path: Path) -> None:
    http = f"{TWO} server {{ listen 127.0.0.1:18490; location / {{ proxy_pass http://app; }} }}"
    found, _ = backends(tmp_path, http)
    binary = tmp_path / "nginx-here"
    binary.write_text(f'#!/bin/sh\nexec nginx -e /dev/null -c {tmp_path}/nginx.conf "$@"\n', encoding="utf-8")
    binary.chmod(0o755)
    printed = asyncio.run(Upstreams(binary=str(binary)).settings(GIVEN))
    assert printed.live.backends == found


@contextmanager
def running(http: str) -> Iterator[Path]:
    """Run an NGINX whose front and one live server are sockets in a folder; another socket there refuses everybody."""
    with tempfile.TemporaryDirectory(prefix="nginx-") as name, socket.socket(socket.AF_UNIX) as refuses:
        folder = Path(name)
        folder.chmod(0o755)  # its workers are another user
        refuses.bind(str(folder / "dead"))
        (folder / "dead").chmod(0o666)
        temporary = "".join(f"{one}_temp_path {name}/{one};" for one in ("client_body", *FAMILIES[:1], *FAMILIES[2:5]))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {name}/pid; error_log {name}/errors; worker_processes 1; events {{}}\n"
            f"http {{ access_log off; {temporary}\nupstream app {{ server unix:{name}/alive max_fails=0; "
            f"server unix:{name}/dead max_fails=0; }}\nserver {{ listen unix:{name}/alive; return 200; }}\n"
            f"server {{ listen unix:{name}/front; {http} }} }}\n"
        )
        with subprocess.Popen(["nginx", "-e", folder / "errors", "-c", folder / "nginx.conf"]) as process:
            try:
                deadline = time.monotonic() + 20
                while not (folder / "pid").exists():
                    assert time.monotonic() < deadline, (folder / "errors").read_text()
                    time.sleep(0.02)
                yield folder
            finally:
                process.terminate()


def status(front: Path, path: str) -> str:
    """Ask once, and return the status of the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(front))
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return client.recv(1 << 10).split()[1].decode()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_itself_spares_users_a_refused_connection_exactly_where_that_is_read() -> None:
    each = ["error", "http_500 Error", "timeout", "http_502 http_503 http_504", "off", "error off"]
    each += ["http_500; proxy_next_upstream error"]
    places = (
        f"location /{at}/ {{ proxy_next_upstream {words}; proxy_pass http://app/; }}" for at, words in enumerate(each)
    )
    with running(" ".join(places)) as folder:
        spared = {at: {status(folder / "front", f"/{at}/") for _ in range(4)} == {"200"} for at in range(len(each))}
        found = asyncio.run(Upstreams(file=str(folder / "nginx.conf")).settings(GIVEN)).live.backends or {}
    read = {place: one.redispatch for place, one in found["app"].by_route().items()}
    assert {f"location /{at}/": one for at, one in spared.items()} == read
    assert list(spared.values()) == [True, True, False, False, False, False, True]


@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_configuration_without_an_end_is_never_waited_for(kind: str, included: bool, tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    if kind == "pipe":
        os.mkfifo(endless)
    elif kind == "device":
        endless.symlink_to("/dev/zero")
    else:
        endless.mkdir()
    if not included:
        for source in (Upstreams(file=str(endless)), Upstreams(dump=str(endless))):
            with pytest.raises(CannotSee, match="it is no regular file"):
                asyncio.run(source.settings(GIVEN))
        return
    text = f"include endless; {TWO} server {{ location / {{ proxy_pass http://app; }} }}"
    found, reading = backends(tmp_path, text)
    assert list(found) == ["app"]
    assert [one.why for one in reading.unread] == [f"{endless}: it is no regular file"]


def test_files_that_include_each_other_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "loop.conf").write_text("include loop.conf;", encoding="utf-8")
    with pytest.raises(CannotSee, match="files that include each other"):
        backends(tmp_path, "include loop.conf;")


def told(standard: Mapping[str, object], reading: SettingsRead) -> list[str]:
    """Compare what was read with approved backends, as an audit does."""
    approved = Standard.model_validate({"name": "edge", "backends": standard}).spelled_as(reading)
    return [str(one) for one in differences(approved.settings, reading.live, spelled=reading.spelled)]


@pytest.mark.parametrize("written", ["127.0.0.1", "127.0.0.1:80"])
@pytest.mark.parametrize("approved", ["127.0.0.1", "127.0.0.1:80"])
def test_a_server_without_a_port_is_at_port_80_however_it_is_approved(
    tmp_path: Path, written: str, approved: str
) -> None:
    upstream = f"upstream app {{ server {written}; server [::1] weight=3; server unix:/run/a; server a.b:90; }}"
    _, reading = backends(tmp_path, f"{upstream} server {{ location / {{ proxy_pass http://app; }} }}")
    servers = {
        approved: {"address": approved, "weight": 1},
        "[0:0::1]:80": {"address": "[0:0::1]:80", "weight": 3},
        "unix:/run/a": {},
        "a.b:90": {},
    }
    assert told({"app": {"servers": servers}}, reading) == []


@pytest.mark.parametrize(
    ("written", "approved"),
    [
        ("localhost:80", "127.0.0.1:80"),
        ("localhost", "127.0.0.1:80"),
        ("LOCALHOST:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "localhost:8080"),
        ("[::1]:8080", "localhost:8080"),
        ("localhost:8080", "[::1]:8080"),
    ],
)
def test_localhost_is_the_loopback_address_that_was_approved(tmp_path: Path, written: str, approved: str) -> None:
    place = "server { location / { proxy_pass http://app; } }"
    _, reading = backends(tmp_path, f"upstream app {{ server {written} weight=2; server a:1; }} {place}")
    servers: dict[str, object] = {approved: {"address": approved, "weight": 2}, "a:1": {}}
    assert told({"app": {"servers": servers}}, reading) == []
    assert told({"app": {"servers": {**servers, approved: {"weight": 3}}}}, reading)
    assert told({"app": {"servers": {"127.0.0.2:8080": {}, "a:1": {}}}}, reading)


def test_another_port_than_80_is_another_server_and_so_is_one_that_is_approved_twice(tmp_path: Path) -> None:
    place = "server { location / { proxy_pass http://app; } }"
    _, reading = backends(tmp_path, f"upstream app {{ server 127.0.0.1; server a:1; }} {place}")
    missing, extra = "app/127.0.0.1:81 is missing", "app/127.0.0.1 is not in the standard"
    assert told({"app": {"servers": {"127.0.0.1:81": {}, "a:1": {}}}}, reading) == [missing, extra]
    twice: dict[str, object] = {"127.0.0.1": {}, "127.0.0.1:80": {}, "a:1": {}}
    assert told({"app": {"servers": twice}}, reading) == ["app/127.0.0.1:80 is missing"]


@pytest.mark.parametrize(("scheme", "port", "other"), [("http", 80, 443), ("https", 443, 80)])
def test_a_target_without_a_port_is_at_that_of_its_scheme(tmp_path: Path, scheme: str, port: int, other: int) -> None:
    _, reading = backends(tmp_path, f"server {{ location / {{ proxy_pass {scheme}://10.0.0.9; }} }}")
    for name in ("10.0.0.9", f"10.0.0.9:{port}"):
        assert told({name: {"servers": {f"10.0.0.9:{port}": {"weight": 1}}}}, reading) == []
    assert told({"10.0.0.9": {"servers": {f"10.0.0.9:{other}": {}}}}, reading)
    assert told({f"10.0.0.9:{other}": {"servers": {"10.0.0.9": {}}}}, reading)


def test_an_upstream_of_stream_is_not_the_one_of_http_that_is_called_the_same(tmp_path: Path) -> None:
    stream = "stream { upstream App { server 127.0.0.1:1; } server { listen 2; proxy_pass app; proxy_timeout 7s; } }"
    place = "server { location / { proxy_pass http://app; proxy_read_timeout 2s; } }"
    found, reading = backends(tmp_path, TWO + place, stream)
    assert {name: (one.mode, len(one.servers or {})) for name, one in found.items()} == {
        "app": ("http", 2),
        "App (stream)": ("tcp", 1),
    }
    servers: dict[str, object] = {"127.0.0.1:1": {}, "127.0.0.1:2": {}}
    here = {"app": {"timeouts": {"server": "2s"}, "servers": servers}}
    assert told(here, reading) == ["App (stream) is not in the standard"]
    both = {**here, "app (stream)": {"timeouts": {"server": "7s"}, "servers": {"127.0.0.1:1": {}}}}
    assert told(both, reading) == []
    assert [one.what for one in reading.asides] == ["App is in `stream` what another one is called in `http`"]
