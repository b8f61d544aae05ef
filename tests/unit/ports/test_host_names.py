"""A name of a host is asked for in ASCII, and one that can't be asked for is refused where it is declared."""

import pytest
from pydantic import ValidationError

from faildrill.adapters.dns.query import Query
from faildrill.adapters.http.request import Request
from faildrill.adapters.http.wire import trust, wire
from faildrill.adapters.tcp.connect import Connect
from faildrill.ports.addresses import in_ascii


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("pay.example", "pay.example"),
        ("Pay.Example.", "Pay.Example."),
        ("my_service", "my_service"),
        ("10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("例え.test", "xn--r8jz45g.test"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_is_asked_for_in_ascii(host: str, asked: str) -> None:
    assert in_ascii(host) == asked


IMPOSSIBLE = [
    ("a..b", "nothing between two dots"),
    (".b", "nothing between two dots"),
    ("a" * 64 + ".test", "too long for a host"),
    (".".join(["abcdefg"] * 32), "too long for a host"),
    ("ü..b", "no name of a host"),
    ("ü" * 64, "no name of a host"),
    ("\u0640.test", "no name of a host"),
]


@pytest.mark.parametrize(("host", "message"), IMPOSSIBLE)
def test_what_can_be_no_host_is_refused_where_it_is_declared(host: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Request.model_validate({"url": f"http://{host}/"})
    with pytest.raises(ValidationError, match=message):
        Connect.model_validate({"address": f"{host}:80"})
    with pytest.raises(ValidationError, match=message):
        Query.model_validate({"server": f"{host}:53", "name": "db.example"})
    with pytest.raises(ValidationError, match=message):
        Request.model_validate({"url": "https://x/", "server_name": host})


def test_a_request_names_the_host_as_it_is_asked_for() -> None:
    request = Request.model_validate({"url": "https://Bücher.example:8443/päge"})
    assert b"\r\nHost: xn--bcher-kva.example:8443\r\n" in wire(request)
    assert trust(request)["server_hostname"] == "xn--bcher-kva.example"
    assert request.links.way._host == "xn--bcher-kva.example"
    assert b"\r\nHost: Pay.example\r\n" in wire(Request.model_validate({"url": "http://Pay.example"}))


def test_a_connection_leads_to_the_host_as_it_is_asked_for() -> None:
    assert Connect.model_validate({"address": "straße.example:80"}).way._host == "xn--strae-oqa.example"
    assert Query.model_validate({"server": "straße.example", "name": "db.example"}).place[0] == "xn--strae-oqa.example"
