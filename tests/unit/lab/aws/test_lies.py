from typing import Any

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.aws.api.lies import HOWS, Lie, Lies


def told(*wanted: dict[str, Any]) -> Lies:
    lies = Lies()
    lies.set(list(wanted))
    return lies


def test_a_lie_is_told_as_often_as_it_says_and_then_no_more() -> None:
    lies = told({"operation": "FailoverDBCluster", "how": "500", "times": 2})
    heard = [lies.take("FailoverDBCluster") for _ in range(3)]
    assert [lie and lie.how for lie in heard] == ["500", "500", None]


def test_a_lie_of_one_operation_is_not_told_to_another() -> None:
    lies = told({"operation": "FailoverDBCluster", "how": "500"})
    assert lies.take("DescribeDBClusters") is None
    assert lies.take("FailoverDBCluster") == Lie("500", "FailoverDBCluster")


def test_a_lie_of_no_operation_is_told_to_all_until_it_is_taken_back() -> None:
    lies = told({"how": "silent"})
    assert [lies.take(operation) for operation in ("A", "B")] == [Lie("silent")] * 2
    lies.set([])
    assert lies.take("A") is None


@pytest.mark.parametrize("how", HOWS)
def test_every_lie_is_shown_as_it_was_set(how: str) -> None:
    assert [lie["how"] for lie in told({"how": how}).told()] == [how]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"how": "500"}, "lies are a list"),
        (["500"], "lies are a list"),
        ([{}], "how: a lie has `how`"),
        ([{"how": "500", "why": 1}], "why: a lie has `how`"),
        ([{"how": "501"}], "no such lie: '501'; there are 500, 503"),
        ([{"how": "500", "when": "never"}], "when: 'never' is neither of after, before, over"),
        ([{"how": "500", "delay": -1}], "delay: -1 is no number of seconds, 0 or more"),
        ([{"how": "stale", "seconds": "5"}], "seconds: '5' is no number of seconds"),
        ([{"how": "500", "course": "half"}], "no such course of a failover: 'half'; there are whole, nothing"),
    ],
)
def test_what_is_no_lie_is_refused_and_changes_nothing(wanted: object, message: str) -> None:
    lies = told({"how": "reset"})
    with pytest.raises(FaildrillError, match=message):
        lies.set(wanted)
    assert lies.take("A") == Lie("reset")
