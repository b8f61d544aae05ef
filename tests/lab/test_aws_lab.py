"""The lab of AWS: an API that really fails a cluster of PostgreSQL over, and that lies when it is told to."""

import json
import time
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import botocore.parsers
import dns.exception
import pytest

from faildrill.lab.core import startup, teardown
from lab import traces
from lab.aws_lab import ONCE, QUICK, AwsLab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
NAME = "lab-aws"
COURSE = ["accepted", "began", "event", "dropping", "dropped", "promoting", "promoted", "writer in the API", "event"]
LOST = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError)
"""What botocore raises where no answer came."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsLab]:
    root = tmp_path_factory.mktemp("aws")
    lab = AwsLab.of(startup.up(NAME, root=root, of="aws"))
    lab.settle(delays=QUICK)
    yield lab
    teardown.down(NAME, root=root)
    assert traces.gone(root, NAME) == []


@pytest.fixture
def lab(running: AwsLab) -> Iterator[AwsLab]:
    """A lab that tells the truth, with au1 for its writer."""
    if running.rest() != "au1":
        _fail_over(running, "au1")
    yield running
    running.lie()
    running.settle(delays=QUICK, dns="answers")


@pytest.fixture
def soaking(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("takes some seconds: with --soak")


def _fail_over(lab: AwsLab, target: str) -> list[str]:
    since = len(lab.told())
    request = {"DBClusterIdentifier": "payments", "TargetDBInstanceIdentifier": target}
    lab.client("rds", **ONCE).failover_db_cluster(**request)
    return lab.ended(since)


def _ask(lab: AwsLab, target: str = "au2", cluster: str = "payments", **config: Any) -> str:
    """Ask for a failover once; return the code of the refusal, what was raised, or nothing."""
    request = {"DBClusterIdentifier": cluster, "TargetDBInstanceIdentifier": target}
    try:
        lab.client("rds", **{**ONCE, **config}).failover_db_cluster(**request)
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError) as error:
        return type(error).__name__
    return ""


def test_a_failover_moves_the_real_writer_and_then_the_name(lab: AwsLab) -> None:
    lab.sql("au1", "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS number")
    assert lab.address() == lab.service.instances["au1"].address
    happened = _fail_over(lab, "au2")
    assert happened[: len(COURSE)] == COURSE
    assert sorted(happened[len(COURSE) :]) == ["available", "reader back", "writer in DNS"]
    assert lab.state() == ("available", "au2")
    assert lab.address() == lab.service.instances["au2"].address
    assert lab.sql("au2", "SELECT number FROM kept") == 1
    assert lab.sql("au1", "SELECT pg_is_in_recovery()")
    assert not lab.sql("au2", "SELECT pg_is_in_recovery()")
    assert lab.messages()[-2:] == [
        "Started cross AZ failover to DB instance: au2",
        "Completed failover to DB instance: au2",
    ]


def test_it_refuses_what_aws_refuses(lab: AwsLab) -> None:
    since = len(lab.told())
    assert _ask(lab, "au1") == "InvalidDBInstanceState"
    assert _ask(lab, "au7") == "DBInstanceNotFound"
    assert _ask(lab, cluster="ledger") == "DBClusterNotFoundFault"
    assert lab.happened(since) == ["refused", "refused"]
    lab.settle(delays={"begins": 1})
    assert _ask(lab) == ""
    assert _ask(lab) == "InvalidDBClusterStateFault"
    assert lab.ended(since).count("accepted") == 1


@pytest.mark.usefixtures("soaking")
def test_a_cluster_without_a_reader_that_answers_does_not_fail_over(lab: AwsLab) -> None:
    lab.node("au2", op="signal", signal="KILL")
    assert _ask(lab) == "InvalidDBClusterStateFault"
    lab.node("au2", op="start")
    deadline = time.monotonic() + 30
    while _ask(lab) != "":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lab.ended(len(lab.told()) - 1)


def test_the_account_is_the_labs_own_and_its_targets_carry_the_safety_tag(lab: AwsLab) -> None:
    told = lab.client("sts").get_caller_identity()
    assert (told["Account"], told["Arn"].rpartition(":")[2]) == (lab.api.account, "user/drill")
    rds = lab.client("rds")
    [cluster] = rds.describe_db_clusters()["DBClusters"]
    instances = rds.describe_db_instances()["DBInstances"]
    assert cluster["DBClusterArn"] == f"arn:aws:rds:us-east-1:{lab.api.account}:cluster:payments"
    assert all(one["TagList"] == [{"Key": "faildrill", "Value": "staging"}] for one in (cluster, *instances))
    assert cluster["Endpoint"] == lab.service.endpoint
    assert {one["AvailabilityZone"] for one in instances} == {"us-east-1a", "us-east-1b"}
    for one in instances:
        assert lab.address(one["Endpoint"]["Address"]) == lab.service.instances[one["DBInstanceIdentifier"]].address


def test_with_iam_enforced_the_drills_key_may_do_what_drills_do_and_nothing_else(lab: AwsLab) -> None:
    try:
        lab.asked("POST", "/moto-api/reset-auth", 0)
        assert lab.state() == ("available", "au1")
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            lab.client("rds").delete_db_cluster(DBClusterIdentifier="payments")
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
            lab.client("rds", key="AKIANOBODYSKEY000000").describe_db_clusters()
    finally:
        lab.asked("POST", "/moto-api/reset-auth", 1_000_000)


@pytest.mark.usefixtures("soaking")
def test_a_failover_goes_on_while_the_api_is_dead_and_the_api_knows_of_it_afterwards(lab: AwsLab) -> None:
    before = lab.client("rds").describe_db_clusters()["DBClusters"][0]["DbClusterResourceId"]
    since = len(lab.told())
    assert _ask(lab) == ""
    lab.node("aws", op="signal", signal="KILL")
    assert "promoted" in lab.ended(since)
    with pytest.raises(LOST):
        lab.state()
    lab.node("aws", op="start")
    deadline = time.monotonic() + 60
    while True:
        try:
            assert lab.state() == ("available", "au2")
            break
        except LOST:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert lab.client("rds").describe_db_clusters()["DBClusters"][0]["DbClusterResourceId"] == before


@pytest.mark.usefixtures("soaking")
def test_a_service_that_is_killed_half_way_finishes_what_it_began(lab: AwsLab) -> None:
    lab.settle(delays={"promotes": 2})
    since = len(lab.told())
    assert _ask(lab) == ""
    lab.ended(since, "dropped")
    lab.node("rds", op="signal", signal="KILL")
    lab.node("rds", op="start")
    happened = lab.ended(since)
    assert "promoting" not in happened
    assert "resumed" in happened
    assert lab.state() == ("available", "au2")
    assert lab.address() == lab.service.instances["au2"].address
    assert lab.sql("au1", "SELECT pg_is_in_recovery()")


@pytest.mark.usefixtures("soaking")
def test_a_writer_that_is_killed_is_failed_over_without_being_asked(lab: AwsLab) -> None:
    since = len(lab.told())
    lab.node("au1", op="signal", signal="KILL")
    happened = lab.ended(since)
    assert "accepted" not in happened
    assert happened[:2] == ["noticed", "began"]
    assert lab.state() == ("available", "au2")
    assert lab.sql("au1", "SELECT pg_is_in_recovery()")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("500", "InternalFailure"),
        ("503", "ServiceUnavailable"),
        ("throttled", "Throttling"),
        ("reset", "ConnectionClosedError"),
        ("closed", "ConnectionClosedError"),
        ("half", "ResponseParserError"),
        ("silent", "ReadTimeoutError"),
        ("html", "ResponseParserError"),
    ],
)
def test_a_lie_on_the_wire_is_told_before_or_after_the_effect(lab: AwsLab, how: str, seen: str, when: str) -> None:
    since = len(lab.told())
    lab.lie({"operation": "FailoverDBCluster", "how": how, "when": when, "course": "nothing", "times": 1})
    assert _ask(lab, read_timeout=1 if how == "silent" else 15) == seen
    assert lab.happened(since) == (["accepted"] if when == "after" else [])


def test_boto3_as_it_comes_fails_over_twice_and_says_ok_when_an_answer_is_lost(lab: AwsLab) -> None:
    since = len(lab.told())
    lab.lie({"operation": "FailoverDBCluster", "how": "500", "when": "over", "times": 1})
    answer = lab.client("rds").failover_db_cluster(DBClusterIdentifier="payments")
    lab.ended(since)
    deadline = time.monotonic() + 60
    while lab.happened(since).count("available") < 2:
        assert time.monotonic() < deadline, lab.told(since)
        time.sleep(0.05)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert lab.happened(since).count("promoted") == 2
    assert lab.state() == ("available", "au1")


@pytest.mark.usefixtures("soaking")
def test_boto3_as_it_comes_reports_a_refusal_for_a_failover_that_happened(lab: AwsLab) -> None:
    since = len(lab.told())
    lab.settle(delays={"drops": 2})
    lab.lie({"operation": "FailoverDBCluster", "how": "500", "times": 1})
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidDBClusterStateFault"):
        lab.client("rds").failover_db_cluster(DBClusterIdentifier="payments")
    assert lab.ended(since).count("promoted") == 1
    assert lab.state() == ("available", "au2")


def test_a_failover_can_be_accepted_and_not_done(lab: AwsLab) -> None:
    lab.lie({"operation": "FailoverDBCluster", "how": "nothing"})
    since, messages = len(lab.told()), lab.messages()
    assert _ask(lab) == ""
    time.sleep(0.5)
    assert lab.happened(since) == ["accepted"]
    assert lab.messages() == messages


def test_a_failover_can_be_begun_and_abandoned(lab: AwsLab) -> None:
    lab.lie({"operation": "FailoverDBCluster", "how": "abandons"})
    since, messages = len(lab.told()), len(lab.messages())
    assert _ask(lab) == ""
    assert lab.ended(since, "abandoned") == ["accepted", "began", "event", "abandoned"]
    assert lab.state() == ("available", "au1")
    assert lab.messages()[messages:] == ["Started cross AZ failover to DB instance: au2"]


@pytest.mark.usefixtures("soaking")
def test_a_failover_can_come_back_to_the_first_writer(lab: AwsLab) -> None:
    lab.lie({"operation": "FailoverDBCluster", "how": "fails-back"})
    since = len(lab.told())
    assert _ask(lab) == ""
    deadline = time.monotonic() + 60
    while lab.happened(since).count("available") < 2:
        assert time.monotonic() < deadline, lab.told(since)
        time.sleep(0.05)
    assert lab.happened(since).count("promoted") == 2
    assert "Promoting previous primary again: au1" in lab.messages()
    assert lab.state() == ("available", "au1")


@pytest.mark.usefixtures("soaking")
def test_another_than_the_target_can_be_promoted(lab: AwsLab) -> None:
    lab.lie({"operation": "FailoverDBCluster", "how": "another"})
    since = len(lab.told())
    assert _ask(lab) == ""
    assert "dropped" in lab.ended(since)
    assert lab.messages()[-1] == "Completed failover to DB instance: au1"
    assert lab.state() == ("available", "au1")
    assert not lab.sql("au1", "SELECT pg_is_in_recovery()")


def test_what_is_read_can_be_old_and_without_events(lab: AwsLab) -> None:
    messages = lab.messages()
    _fail_over(lab, "au2")
    lab.lie(
        {"operation": "DescribeDBClusters", "how": "stale", "seconds": 60},
        {"operation": "DescribeEvents", "how": "without-events"},
    )
    assert lab.state()[1] == "au1"
    assert lab.messages() == []
    lab.lie({"operation": "DescribeEvents", "how": "stale", "seconds": 60})
    assert lab.state()[1] == "au2"
    assert len(lab.messages()) <= len(messages)


@pytest.mark.usefixtures("soaking")
def test_the_name_server_can_fail_hang_and_flap(lab: AwsLab) -> None:
    lab.settle(dns="servfail")
    assert lab.address() == "SERVFAIL"
    lab.settle(dns="silent")
    with pytest.raises(dns.exception.Timeout):
        lab.address(within=0.3)
    lab.settle(dns="answers", delays={"flaps": 2, "flap": 0.1})
    since = len(lab.told())
    _fail_over(lab, "au2")
    names = [line["instance"] for line in lab.told(since) if line["what"] == "writer in DNS"]
    assert names == ["au2", "au1", "au2", "au1", "au2"]


def test_a_lie_that_there_is_not_is_refused_with_those_that_there_are(lab: AwsLab) -> None:
    assert "no such lie: 'on-fire'; there are 500, 503" in lab.asked("PUT", "/faildrill/lies", [{"how": "on-fire"}])
    assert "a lie has `how`" in lab.asked("PUT", "/faildrill/lies", [{"operation": "X"}])
    assert json.loads(lab.asked("GET", "/faildrill/lies")) == []
    assert "is no delay" in lab.asked("PUT", "/faildrill/service", {"delays": {"dns": -1}})
