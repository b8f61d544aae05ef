"""Who is never promoted by its tags, and the numbers of a configuration, are read as Patroni reads them."""

import pytest
from pydantic import JsonValue

from faildrill.adapters.patroni.succession import Rules, never_promoted


@pytest.mark.parametrize(
    ("tags", "is_said"),
    [
        ({"nofailover": True, "failover_priority": 1}, True),
        ({"nofailover": False, "failover_priority": 0}, False),
        ({"nofailover": "false"}, True),  # a text that is not empty
        ({"failover_priority": 0}, True),
        ({"failover_priority": "0"}, True),
        ({"failover_priority": -1}, True),
        ({"failover_priority": 0.4}, True),
        ({"failover_priority": "0.5"}, True),
        ({"failover_priority": "0x0"}, True),
        ({"failover_priority": 0.6}, False),
        ({"failover_priority": "x"}, False),
        ({"failover_priority": "0kB"}, False),
        ({"failover_priority": None}, False),
        ({}, False),
    ],
)
def test_a_standby_that_patroni_never_promotes_is_told_by_its_tags(
    tags: dict[str, JsonValue], *, is_said: bool
) -> None:
    """Each was tried with the tags of Patroni 4 itself."""
    assert bool(never_promoted(tags, "nofailover", "failover_priority")) == is_said


@pytest.mark.parametrize(("written", "read"), [("0x10", 16), ("010", 8), (1048576.4, 1048576), ("1MB", 1 << 20)])
def test_the_lag_that_is_allowed_is_the_one_that_patroni_reads(written: JsonValue, read: int) -> None:
    """What it can't read is its own default, 1 MiB."""
    assert Rules.of({"maximum_lag_on_failover": written}).most == read
