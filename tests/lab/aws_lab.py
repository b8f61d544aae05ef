"""What tests do with a lab of AWS: ask its API as others do, have it lie, and read what really happened."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import boto3
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import yaml
from botocore.config import Config

from faildrill.lab.aws.api.settings import Settings as ApiSettings
from faildrill.lab.aws.plan import API, SERVICE
from faildrill.lab.aws.service.settings import Settings as ServiceSettings
from faildrill.lab.core import control
from faildrill.lab.core.facts import Facts

ONCE: Final[dict[str, Any]] = {
    "retries": {"total_max_attempts": 1, "mode": "standard"},
    "connect_timeout": 1,
    "read_timeout": 15,
}
QUICK = {"begins": 0.05, "drops": 0.1, "api": 0.05, "event": 0.05, "dns": 0.1, "reader": 0, "available": 0.05}


@dataclass(frozen=True)
class AwsLab:
    """A lab of AWS that is up."""

    facts: Facts
    api: ApiSettings
    service: ServiceSettings

    @classmethod
    def of(cls, facts: Facts) -> "AwsLab":
        """Read what its parts were told."""
        files = {name: facts.folder / "nodes" / name / "settings.json" for name in (API, SERVICE)}
        return cls(facts, ApiSettings.read(files[API]), ServiceSettings.read(files[SERVICE]))

    @property
    def url(self) -> str:
        return f"http://{self.api.address}:{self.api.port}"

    def client(self, service: str, *, key: str = "", **config: Any) -> Any:  # noqa: ANN401 - boto3 makes its classes up
        """Return a client of boto3, with the drills' key, or with one that nobody has."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.api.region,
            aws_access_key_id=key or self.api.access_key_id,
            aws_secret_access_key=Path(self.api.secret_file).read_text(encoding="ascii"),
            config=Config(**config) if config else None,
        )

    def asked(self, method: str, path: str, content: object = None) -> str:
        """Ask for something that is none of AWS's; returns the answer, also one that refuses."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 - the lab's own
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def lie(self, *lies: dict[str, Any]) -> None:
        """Have it lie so, and not otherwise."""
        assert json.loads(self.asked("PUT", "/faildrill/lies", list(lies)))[: len(lies)] or not lies

    def settle(self, **settings: Any) -> None:
        """Set the pace of the service, or how the name server answers."""
        assert json.loads(self.asked("PUT", "/faildrill/service", settings)) is not None

    def told(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the truth log from a line on."""
        return [json.loads(line) for line in Path(self.api.truth).read_text(encoding="utf-8").splitlines()[since:]]

    def happened(self, since: int = 0) -> list[str]:
        """Return what the service has done since, in order."""
        return [line["what"] for line in self.told(since) if line["by"] == SERVICE]

    def state(self) -> tuple[str, str]:
        """Return status and writer, as the API has them."""
        [cluster] = self.client("rds", **ONCE).describe_db_clusters(DBClusterIdentifier="payments")["DBClusters"]
        [writer] = [one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"] if one["IsClusterWriter"]]
        return cluster["Status"], writer

    def rest(self, within: float = 60) -> str:
        """Wait until no failover goes on, and return who is the writer then."""
        deadline = time.monotonic() + within
        while (state := self.state())[0] != "available":
            assert time.monotonic() < deadline, self.told()[-10:]
            time.sleep(0.1)
        return state[1]

    def messages(self) -> list[str]:
        """Return the events of the cluster, as the API tells them."""
        answer = self.client("rds", **ONCE).describe_events(SourceType="db-cluster", SourceIdentifier="payments")
        return [event["Message"] for event in answer["Events"]]

    def ended(self, since: int, last: str = "available", within: float = 60) -> list[str]:
        """Wait until something has happened, and return all that has."""
        deadline = time.monotonic() + within
        while last not in self.happened(since):
            assert time.monotonic() < deadline, self.told(since)
            time.sleep(0.02)
        return self.happened(since)

    def address(self, name: str = "", within: float = 1) -> str:
        """Return where the name of the cluster leads to, by the lab's own name server, or how it refuses."""
        question = dns.message.make_query(name or self.service.endpoint, "A")
        environment = yaml.safe_load((self.facts.folder / "environment.yaml").read_text(encoding="utf-8"))
        host, _, port = environment["databases"]["payments"]["resolver"].partition(":")
        answer = dns.query.udp(question, host, timeout=within, port=int(port))
        rows = [row.to_text() for rrset in answer.answer for row in rrset if rrset.rdtype == dns.rdatatype.A]
        return rows[0] if rows else dns.rcode.to_text(answer.rcode())

    def sql(self, instance: str, statement: str) -> object:
        """Return what an instance answers its superuser."""
        password = Path(self.service.password_file).read_text(encoding="ascii")

        async def ask() -> object:
            connection = await asyncpg.connect(
                host=self.service.instances[instance].address,
                port=self.service.port,
                user="postgres",
                password=password,
                database="payments",
                ssl=False,
            )
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def node(self, name: str, **request: Any) -> dict[str, Any]:
        """Ask the supervisor of the lab for something about a node."""
        return control.ask(self.facts.control, {"node": name, **request}, 30)
