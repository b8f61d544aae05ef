"""A Patroni whose interface has a certificate of an authority of its own, for real."""

import asyncio
import contextlib
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from faildrill.adapters.patroni.changes import may_tell, sighted
from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.lab.stores import certificates
from lab.conftest import eventually
from lab.kinds_here import environment

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


def reloaded(url: str) -> None:
    """Have a node read its file again, whatever its certificate says."""
    anybody = ssl._create_unverified_context()  # noqa: S323 - the test's own
    asked = urllib.request.Request(f"{url}/reload", data=b"{}", method="POST")  # noqa: S310 - ours
    urllib.request.urlopen(asked, timeout=5, context=anybody).close()  # noqa: S310 - ours


@contextlib.contextmanager
def encrypted(lab: Facts, made: certificates.Certificates) -> Iterator[Cluster]:
    """Give both nodes' interfaces a certificate, and take it away again."""
    plain = environment(lab).of(Cluster)["payments"]
    files = {name: lab.environment.with_name("nodes") / name / "patroni.yml" for name in plain.members}
    before = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    secure = {
        name: one.model_copy(update={"api": one.api.replace("http", "https")}) for name, one in plain.members.items()
    }
    for name, path in files.items():
        settings = yaml.safe_load(before[name])
        settings["restapi"] |= {"certfile": str(made.server), "keyfile": str(made.key)}
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        reloaded(plain.members[name].api)
    try:
        yield plain.model_copy(update={"members": secure})
    finally:
        for name, path in files.items():
            path.write_text(before[name], encoding="utf-8")
            with contextlib.suppress(OSError):
                reloaded(secure[name].api)


def test_a_patroni_with_a_ca_of_its_own_is_asked_and_its_certificate_checked(steady_lab: Facts, tmp_path: Path) -> None:
    made = certificates.make(tmp_path)
    with encrypted(steady_lab, made) as cluster:
        trusting = cluster.model_copy(update={"api_ca": str(made.ca)})
        eventually(lambda: asyncio.run(sighted(trusting, 2.0)).redundancy() == [])
        assert asyncio.run(may_tell(trusting, 4.0)).ok
        words = asyncio.run(sighted(cluster, 2.0)).missing()
        assert [one for one in words if "certificate of an unknown authority" in one]
        assert "certificate of an unknown authority" in asyncio.run(may_tell(cluster, 4.0)).told
        gone = cluster.model_copy(update={"api_ca": str(tmp_path / "gone.pem")})
        assert [one for one in asyncio.run(sighted(gone, 2.0)).missing() if "certificate file unreadable" in one]
