"""What differs between a standard and what was read, and how it is told."""

import pytest

from faildrill.standards import Settings, differences, in_words, overlaid
from faildrill.standards.standard import Standard

LIVE = {
    "backends": {
        "payments": {
            "mode": "http",
            "algorithm": "roundrobin",
            "timeouts": {"connect": "1s", "server": "none"},
            "servers": {
                "pay1": {"weight": 10, "state": "ready", "check": {"how": "http", "fall": 2, "interval": "100ms"}},
                "pay2": {"weight": 1, "state": "drain", "check": {"how": "none"}},
            },
        },
        "statistics": {"mode": "http"},
    }
}


def told(standard: dict[str, object], live: dict[str, object] | None = None) -> list[str]:
    """Tell every difference of a standard's backend of payments from what is live."""
    declared = Standard.model_validate({"name": "front", "backends": {"payments": standard}})
    return [str(one) for one in differences(declared.settings, Settings.model_validate(live or LIVE))]


@pytest.mark.parametrize(
    ("standard", "expected"),
    [
        ({"algorithm": "roundrobin"}, []),
        ({"algorithm": "leastconn"}, ["algorithm of payments: roundrobin, the standard says leastconn"]),
        ({"timeouts": {"server": "10s"}}, ["timeout server of payments: none, the standard says 10 s"]),
        ({"timeouts": {"connect": "1000ms"}}, []),
        ({"timeouts": {"connect": "1000000us"}}, []),
        ({"servers": {"pay1": {"check": {"interval": "100000us"}}, "pay2": {}}}, []),
        ({"redispatch": True}, ["redispatch of payments: can't be read, the standard says on"]),
        ({"servers": {"pay1": {}, "pay2": {}}}, []),
        ({"servers": {"pay1": {}}}, ["payments/pay2 is not in the standard"]),
        ({"servers": {"pay1": {}, "pay2": {}, "pay3": {}}}, ["payments/pay3 is missing"]),
        (
            {"servers": {"pay1": {"weight": 1}, "pay2": {}}},
            ["weight of payments/pay1: 10, the standard says 1"],
        ),
        (
            {"servers": {"pay1": {}, "pay2": {}}, "every_server": {"state": "ready"}},
            ["state of payments/pay2: drain, the standard says ready"],
        ),
        (
            {"servers": {"pay1": {"weight": 10}, "pay2": {}}, "every_server": {"weight": 1, "check": {"how": "http"}}},
            ["check of payments/pay2: none, the standard says http"],
        ),
        (
            {"servers": {"pay1": {"check": {"fall": 3, "interval": "1s"}}, "pay2": {}}},
            [
                "interval of the check of payments/pay1: 100 ms, the standard says 1 s",
                "fall of the check of payments/pay1: 2, the standard says 3",
            ],
        ),
    ],
)
def test_every_difference_is_told_with_both_values(standard: dict[str, object], expected: list[str]) -> None:
    assert [one for one in told(standard) if "statistics" not in one] == expected


def test_a_backend_that_is_not_there_is_one_difference_and_not_one_a_setting() -> None:
    whole: dict[str, object] = {"algorithm": "roundrobin", "servers": {"pay1": {}}}
    assert told(whole, {"backends": {}}) == ["payments is missing"]


def test_what_nobody_could_read_never_counts_as_equal() -> None:
    nothing = Settings()
    declared = Standard.model_validate({"name": "front", "failover": {"ttl": "20s"}, "backends": {"payments": {}}})
    found = list(differences(declared.settings, nothing))
    assert [(one.how, in_words(one.path)) for one in found] == [("unread", "backends"), ("unread", "ttl")]


def test_of_two_sources_the_one_above_has_it_and_the_other_fills_the_gaps() -> None:
    written = {"backends": {"payments": {"retries": 2, "servers": {"pay1": {"weight": 1, "address": "a"}, "old": {}}}}}
    running = {"backends": {"payments": {"servers": {"pay1": {"weight": 10}, "new": {"weight": 3}}}}}
    both = overlaid(Settings.model_validate(written), Settings.model_validate(running))
    assert both.backends is not None
    backend = both.backends["payments"]
    assert backend.retries == 2
    assert backend.servers is not None
    assert sorted(backend.servers) == ["new", "pay1"]
    assert (backend.servers["pay1"].weight, backend.servers["pay1"].address) == (10, "a")


def test_a_standard_that_says_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        Standard.model_validate({"name": "empty"})
