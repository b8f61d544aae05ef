"""NGINX's configuration: from its files, and from what `nginx -T` prints; the same either way."""

import asyncio
from pathlib import Path

import pytest

from faildrill.adapters.nginx.settings import Upstreams
from faildrill.errors import CannotSee
from faildrill.kinds.supplying import Supplies
from faildrill.settings import Backend, Reading

GIVEN = Supplies("audit", 5.0)
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


def reading(folder: Path, how: str) -> Reading:
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
