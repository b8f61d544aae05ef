from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest

from faildrill.lab.aws.name_server import NameServer, answer
from faildrill.lab.aws.zone import Zone

NAME = "payments.cluster-0.us-east-1.rds.amazonaws.com"
ZONE = Zone({NAME: "127.0.17.1"}, ttl=5)


def test_a_name_of_the_zone_leads_to_its_address_for_as_long_as_the_zone_says() -> None:
    response = answer(dns.message.make_query(NAME.upper(), "A"), ZONE)
    [rrset] = response.answer
    assert (rrset[0].to_text(), rrset.ttl, bool(response.flags & dns.flags.AA)) == ("127.0.17.1", 5, True)


@pytest.mark.parametrize(
    ("name", "kind", "zone", "code"),
    [
        ("elsewhere.example", "A", ZONE, dns.rcode.NXDOMAIN),
        (NAME, "AAAA", ZONE, dns.rcode.NOERROR),
        (NAME, "A", Zone(ZONE.names, 5, "servfail"), dns.rcode.SERVFAIL),
    ],
)
def test_what_there_is_not_has_no_address(name: str, kind: str, zone: Zone, code: int) -> None:
    response = answer(dns.message.make_query(name, kind), zone)
    assert (response.rcode(), response.answer) == (code, [])


def test_the_resolver_of_an_office_keeps_an_address_for_longer_than_it_may(tmp_path: Path) -> None:
    path, question = tmp_path / "zone.json", dns.message.make_query(NAME, "A")
    office, own = NameServer(path, keeps=30), NameServer(path)
    told = []
    for moment, address, mode in (
        (100.0, "127.0.17.1", "answers"),
        (129.0, "127.0.17.2", "answers"),
        (131.0, "127.0.17.2", "silent"),
        (140.0, "127.0.17.2", "answers"),
    ):
        Zone({NAME: address}, 5, mode).write(path)
        answers = [server.told(question, moment) for server in (own, office)]
        told.append([one and one.answer[0][0].to_text()[-1] for one in answers])
    assert told == [["1", "1"], ["2", "1"], [None, "1"], ["2", "2"]]
