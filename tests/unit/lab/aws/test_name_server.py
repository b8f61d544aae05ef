import dns.flags
import dns.message
import dns.rcode
import pytest

from faildrill.lab.aws.name_server import answer
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
