"""Hosts, addresses and URLs: what is typed wrongly is refused where it stands, and not only when it is looked up."""

import pytest

from faildrill.ports.addresses import a_host, a_url, an_address, host_and_port, of_url


@pytest.mark.parametrize(
    "host", ["db1", "db1.internal.", "10.0.0.1", "::1", "fe80::1%eth0", "a_b", "bücher.example", "127.1"]
)
def test_a_name_or_an_ip_address_is_a_host(host: str) -> None:
    assert a_host(host) == host


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("db1:5432", "a port has a key of its own"),
        ("[::1]", "write the host without them"),
        ("http://db1", "not a URL such as"),
        ("", "no name of a host"),
        ("db 1", "no name of a host"),
        ("db1/", "no name of a host"),
        ("app@db1", "no name of a host"),
        ("db%41", "no name of a host"),
        ("db1..internal", "nothing between two dots"),
        ("d" * 64, "too long for a host"),
    ],
)
def test_what_means_something_else_is_no_host(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        a_host(text)


@pytest.mark.parametrize(
    ("address", "apart"),
    [
        ("db1:5432", ("db1", 5432)),
        ("10.0.0.1:080", ("10.0.0.1", 80)),
        ("[2001:db8::1]:6379", ("2001:db8::1", 6379)),
        ("::1:6379", ("::1", 6379)),
        ("bücher.example:80", ("xn--bcher-kva.example", 80)),
    ],
)
def test_an_address_is_taken_apart_as_it_is_asked_for(address: str, apart: tuple[str, int]) -> None:
    assert an_address(address) == address
    assert host_and_port(address) == apart


@pytest.mark.parametrize(
    "text",
    [
        *("db1", ":80", "db1:0", "db1:65536", "db1:8o", "db1:+80", "db1: 80", "db1:٨٠", "db1:80/", "::1", "[]:80"),
        *("[db1]:80", "http://db1:80", "redis://db1:1", "db1:1:2", "[::1:80", "::1]:80", "app@db1:80"),
    ],
)
def test_what_is_no_host_and_port_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|host|brackets"):
        an_address(text)


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("http://pay", "pay:80"),
        ("HTTPS://pay/a?b#c", "pay:443"),
        ("http://[::1]:8008/patroni", "[::1]:8008"),
        ("http://a_b:1/", "a_b:1"),
    ],
)
def test_a_url_is_one_that_can_be_asked_over_http(url: str, leads_to: str) -> None:
    assert a_url(url) == url
    assert of_url(url) == leads_to


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pay:80", "looks like http://HOST:PORT"),
        ("ftp://pay", "looks like http://HOST:PORT"),
        ("//pay", "looks like http://HOST:PORT"),
        ("http:///x", "looks like http://HOST:PORT"),
        ("http://app:word@pay/", "no user and password"),
        ("http://pay:/", "no port behind it"),
        ("http://pay:0/", "0 is no port"),
        ("http://pay:99999/", "Port out of range"),
        ("http://::1:80", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("http://pay /", "no spaces"),
        ("http://pay\n/", "no spaces or control characters"),
        (" http://pay/", "no spaces"),
        ("http://.pay/", "nothing between two dots"),
        ("http://p%41y/", "no name of a host"),
    ],
)
def test_what_can_not_be_asked_is_no_url(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        a_url(text)
