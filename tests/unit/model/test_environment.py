"""An environment as it is recorded: by section, as its file has it, and readable where a package is missing."""

from typing import Any, Final

from faildrill.kinds.table import TARGETS
from faildrill.kinds.target_table import sections, sort_of
from faildrill.model.environment import Environment

HOSTS: Final = {
    "name": "staging",
    "unproven": None,
    "inventory": "/somewhere/inventory",
    "python": "/usr/bin/python3",
    "keys": {"db1": f"ssh-ed25519 {'A' * 40}"},
    "programs": None,
    "vault_password": None,
    "become": False,
    "tools": {},
}
CLUSTER: Final = {
    "name": "payments",
    "unproven": None,
    "scope": "payments",
    "user": "faildrill",
    "members": {"pg1": {"name": "pg1", "reach": None, "api": "http://127.0.0.1:8008", "host": "127.0.0.1"}},
}
OLD: Final[dict[str, Any]] = {
    "name": "staging",
    "about": "",
    "drillable": True,
    "unproven": {},
    "probes": [],
    "watched": [],
    "guards": [],
    "identity": [
        {"kind": "ssh.identity", "params": {"hosts": HOSTS}},
        {"kind": "postgres.identity", "params": {"cluster": CLUSTER, "system_identifier": "7"}},
    ],
    "services": {},
    "databases": {},
    "clusters": {"payments": CLUSTER},
    "load_balancers": {},
    "groups": {},
    "hosts": {"staging": HOSTS},
    "redis": {},
    "mariadb": {},
    "standards": {},
    "settings": {},
    "warrants": {},
    "lock": None,
    "blast_radius": {
        "groups": {},
        "clusters": {"payments": 1},
        "redis": {},
        "mariadb": {},
        "hosts": {"staging": 2},
        "unknown": "refused",
    },
    "approvals": None,
}
"""As runs of November 2026 recorded their place, with a field for every section that there was."""


def test_a_place_that_was_recorded_with_every_section_is_read_as_before() -> None:
    place = Environment.model_validate(OLD)
    assert list(place.targets) == ["clusters", "hosts"]
    assert [one.name for one in place.declared] == ["payments", "staging"]
    assert place.blast_radius
    assert place.blast_radius.limits["hosts"] == {"staging": 2}


def test_a_place_is_kept_under_the_same_digest_as_before_from_any_checkout() -> None:
    elsewhere = {"identity": [{"kind": "ssh.identity", "params": {"hosts": HOSTS | {"inventory": "/elsewhere"}}}]}
    here = {"identity": OLD["identity"][:1]}
    digests = {Environment.model_validate(OLD | one).proven_identity for one in (elsewhere, here)}
    assert len(digests) == 1
    # what marks, locks and approvals of runs from before targets were kinds are kept under
    said = {**OLD, "identity": [OLD["identity"][0]]}
    assert Environment.model_validate(said).proven_identity == "8c804ee740ed6aea"


def test_what_is_written_down_lists_the_sections_beside_each_other_and_is_read_again() -> None:
    place = Environment.model_validate(OLD)
    written = place.model_dump(mode="json")
    assert written["clusters"]["payments"]["scope"] == "payments"
    assert written["blast_radius"]["clusters"] == {"payments": 1}
    assert {"targets", "unread"}.isdisjoint(written)
    assert Environment.model_validate(written) == place


def test_a_section_of_a_package_that_is_not_installed_here_stays_as_it_was_written() -> None:
    theirs = {"orders": {"name": "orders", "region": "eu-west-1"}}
    recorded = OLD | {"rds": theirs, "identity": [{"kind": "rds.identity", "params": {"rds": theirs["orders"]}}]}
    place = Environment.model_validate(recorded)
    assert place.section("rds") == {}
    assert place.proven_identity
    assert place.model_dump(mode="json")["rds"] == theirs


def test_every_section_of_the_table_is_the_one_that_its_class_names() -> None:
    assert [sort_of(name).section for name in sections()] == list(TARGETS)
