"""Where a cluster is and who we are there: a file and a context, read strictly; what isn't understood sends nothing."""

import asyncio
import base64
import contextlib
import random
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from faildrill.adapters.kubernetes import checks
from faildrill.adapters.kubernetes.client import Api, Untold, Where
from faildrill.adapters.kubernetes.credentials import credentials
from faildrill.adapters.kubernetes.identity_guard import Identity, Marker
from faildrill.adapters.kubernetes.kubeconfig import Access, NoWay, access
from faildrill.adapters.kubernetes.objects import Object
from faildrill.adapters.kubernetes.target import MARKER, Kubernetes
from faildrill.kinds.call_context import CallContext
from faildrill.system import redaction
from support.liars.kubernetes import TOKEN, Certificates, Liar, kubeconfig, lying

GIVEN = CallContext("run-1", 3.0)
UID = "0d6f3b9e-7a41-4c7e-9c53-1f5a9e7a2b10"
MARK = "7d3f6f1e-2f0c-4a57"
SYSTEM = "/api/v1/namespaces/kube-system"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))


def target(path: Path, context: str = "here") -> Kubernetes:
    return Kubernetes(name="c", kubeconfig=str(path), context=context, marker=MARK, namespaces=["payments"])


def read(path: Path, context: str = "here") -> Access:
    return access(target(path, context))


def changed(folder: Path, made: Certificates, change: Callable[[dict[str, Any]], object]) -> Path:
    path = kubeconfig(folder, 6443, made)
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_file_and_its_context_lead_to_a_server_and_its_authority(tmp_path: Path, certificates: Certificates) -> None:
    found = read(kubeconfig(tmp_path, 6443, certificates))
    assert (found.server, found.token) == ("https://127.0.0.1:6443", TOKEN)
    assert found.authorities == (certificates.ca.strip(),)


def test_what_is_named_in_the_environment_never_counts(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, 6443, certificates)))
    for given in ({}, {"context": "here"}, {"kubeconfig": "/k"}, {"in_cluster": True, "context": "here"}):
        with pytest.raises(ValidationError, match="kubeconfig"):
            Kubernetes.model_validate({"name": "c", "marker": MARK, "namespaces": ["payments"], **given})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda k: k["clusters"][0]["cluster"].update({"insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
        (lambda k: k["clusters"][0]["cluster"].update({"insecure-skip-tls-verify": "yes"}), "insecure-skip-tls-verify"),
        (lambda k: k["clusters"][0]["cluster"].update(server="http://10.0.0.1"), "no https:// URL"),
        (lambda k: k["clusters"][0]["cluster"].update(server="https://me:pw@10.0.0.1"), "no https:// URL"),
        (lambda k: k["clusters"][0]["cluster"].update({"proxy-url": "http://p"}), "`proxy-url` can't be followed"),
        (lambda k: k["clusters"][0].pop("cluster"), "'c' has no 'cluster'"),
        (lambda k: k["clusters"].append({"name": "c", "cluster": {}}), "clusters has 2 of the name 'c'"),
        (lambda k: k["users"].append({"name": "u", "user": {"token": "other"}}), "users has 2 of the name 'u'"),
        (lambda k: k["users"][0]["user"].update({"as": "admin"}), "`as` can't be followed"),
        (lambda k: k["users"][0]["user"].update({"username": "a", "password": "b"}), "`password`, `username`"),
        (lambda k: k["users"][0]["user"].pop("token"), "user u: give one of"),
        (lambda k: k["users"][0].update(user={"client-certificate-data": "Zm9v"}), "user u: give one of"),
        (lambda k: k["users"][0].update(user={"client-key-data": "%", "token": "aaaa"}), "is no base64"),
        (lambda k: k["contexts"][0]["context"].update(user="nobody"), "users has no 'nobody'; there is u"),
        (lambda k: k["contexts"][0]["context"].pop("cluster"), "context here: `cluster` is missing"),
        (lambda k: k.update(contexts="here"), "contexts has no 'here'; there is none"),
        (lambda k: k["clusters"][0]["cluster"].update({"certificate-authority-data": "Zm9v"}), "which one is meant"),
        (
            lambda k: k["clusters"][0]["cluster"].update({"certificate-authority": "gone.crt"}),
            "gone.crt: can't be read",
        ),
    ],
)
def test_what_is_not_understood_or_not_safe_is_refused(
    tmp_path: Path, certificates: Certificates, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    with pytest.raises(NoWay, match=told):
        read(changed(tmp_path, certificates, change))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is no kubeconfig: empty"),
        ("- a", "it is no kubeconfig: no mapping"),
        ("a: [", "it is no YAML"),
        ("users: []\nusers: []", r"kubeconfig:2: 'users' is there twice"),
        ("a: &x {b: *x}", "an alias"),
        ("a: &x [1]\nb: [*x, *x]", "an alias"),
        ("\x00", "it is no YAML"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(NoWay, match=told):
        read(path)


JUNK: list[Any] = [
    None,
    "",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    "x",
    ["x"],
    {"x": 1},
    [[]],
    {"name": "here"},
    "\ud83d\ude00" * 300,
    "../x",
]


def _mutated(content: object, chance: random.Random) -> object:
    """Change one thing somewhere: take it away, put junk in its place, or have it twice."""
    if not isinstance(content, dict | list) or not content or chance.random() < 0.15:
        return chance.choice(JUNK)
    content = content.copy()
    key = chance.choice(list(content) if isinstance(content, dict) else range(len(content)))
    match chance.randrange(6):
        case 0:
            del content[key]
        case 1 if isinstance(content, list):
            content.append(content[key])
        case _:
            content[key] = _mutated(content[key], chance)
    return content


def test_a_mutated_file_leads_to_the_declared_server_or_is_refused(
    tmp_path: Path, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(16)  # noqa: S311 - a repeatable choice, not a secret
    path = kubeconfig(tmp_path, 6443, certificates)
    plain = yaml.safe_load(path.read_text())
    led = 0
    for _ in range(10_000 if request.config.getoption("--soak") else 400):
        content = plain
        for _ in range(chance.randint(1, 3)):
            content = _mutated(content, chance)
        path.write_text(yaml.safe_dump(content))
        with contextlib.suppress(NoWay):
            found = read(path)
            assert found.server == "https://127.0.0.1:6443"
            assert found.authorities in ((), (certificates.ca.strip(),))
            led += 1
    assert led


def test_a_folder_a_missing_file_and_an_unknown_context_are_told(tmp_path: Path, certificates: Certificates) -> None:
    for path, told in ((tmp_path, "it is no regular file"), (tmp_path / "gone", "No such file")):
        with pytest.raises(NoWay, match=told):
            read(path)
    with pytest.raises(NoWay, match="contexts has no 'elsewhere'; there is here"):
        read(kubeconfig(tmp_path, 6443, certificates), "elsewhere")


def test_out_of_a_pod_in_cluster_leads_nowhere() -> None:
    with pytest.raises(NoWay, match="this is no pod"):
        access(Kubernetes(name="c", in_cluster=True, marker=MARK, namespaces=["payments"]))


def plugin(folder: Path, script: str, **more: object) -> dict[str, object]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", **more}


def granted(folder: Path, made: Certificates, script: str, within: float = 3.0, **more: object) -> str:
    path = kubeconfig(folder, 6443, made, user_token=None, user_exec=plugin(folder, script, **more))

    async def main() -> str:
        try:
            return (await credentials(read(path), within)).token
        finally:
            await asyncio.sleep(0.05)  # for the loop to see that the pipes are closed

    return asyncio.run(main())


GRANTS = """echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
echo '"status": {"token": "'"$GIVEN"'"}}'"""


def test_a_plugin_is_asked_and_what_it_gives_reaches_no_record(tmp_path: Path, certificates: Certificates) -> None:
    given = [{"name": "GIVEN", "value": "granted-by-a-plugin"}]
    assert granted(tmp_path, certificates, GRANTS, env=given) == "granted-by-a-plugin"
    assert "granted-by-a-plugin" not in redaction.clean("the token is granted-by-a-plugin")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("sleep 30", "gave no answer within 0.5 s"),
        ("sleep 30 & exit 0", "gave no answer within 0.5 s"),
        ("echo a-secret-of-its; exit 3", "ended with 3"),
        ("echo a-secret-of-its", "is no ExecCredential"),
        ('echo \'{"apiVersion": "v9", "kind": "ExecCredential", "status": {}}\'', "something else"),
        ("yes", "prints without end"),
    ],
)
def test_a_plugin_that_misbehaves_is_ended_and_its_words_are_told_to_nobody(
    tmp_path: Path, certificates: Certificates, script: str, told: str
) -> None:
    began = time.monotonic()
    with pytest.raises(NoWay, match=told) as refused:
        granted(tmp_path, certificates, script, 0.5)
    assert time.monotonic() - began < 0.5 + 0.25 + 0.5  # starting a shell is not counted
    assert "a-secret-of-its" not in str(refused.value)


def test_a_plugin_that_is_missing_or_asks_a_person_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    with pytest.raises(NoWay, match="can't be started"):
        granted(tmp_path, certificates, "", command="./gone")
    with pytest.raises(NoWay, match="wants to ask a person"):
        granted(tmp_path, certificates, GRANTS, interactiveMode="Always")


def test_a_client_certificate_is_shown_and_its_key_is_in_no_file_of_ours(
    tmp_path: Path, certificates: Certificates
) -> None:
    data = {
        name: base64.b64encode((certificates.folder / name).read_bytes()).decode()
        for name in ("client.crt", "client.key")
    }
    path = kubeconfig(
        tmp_path,
        6443,
        certificates,
        user_token=None,
        user_client_certificate_data=data["client.crt"],
        user_client_key_data=data["client.key"],
    )

    async def main() -> None:
        async with Api.open(target(path), "run-1", 1.0) as api:
            assert api._trust.cert_store_stats()["x509_ca"] == 1

    asyncio.run(main())


def identity(path: Path, made: Certificates, **more: str) -> Identity:
    given = {"system": UID, "ca": made.fingerprint, **more}
    return Identity.model_validate({"kubernetes": target(path).model_dump(), **given})


def objected(folder: Path, made: Certificates, liar: Liar, guard: Callable[[Path], Identity | Marker]) -> str | None:
    async def main() -> str | None:
        async with lying(liar, made) as port:
            return await guard(kubeconfig(folder, port, made)).objection(GIVEN)

    return asyncio.run(main())


def true_cluster(uid: str = UID) -> Liar:
    liar = Liar()
    liar.objects[SYSTEM] = {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid}}
    return liar


def test_a_cluster_proves_what_it_is_by_its_uid_and_its_authority(tmp_path: Path, certificates: Certificates) -> None:
    assert objected(tmp_path, certificates, true_cluster(), lambda path: identity(path, certificates)) is None


@pytest.mark.parametrize(
    ("uid", "lie", "told"),
    [
        ("another", "", "says that its kube-system is 'another'"),
        (UID, "login page", "not that of an API server"),
        (UID, "403", "give the account a Role"),
        (UID, "401", "does not know us"),
        (UID, "silence", "can't be asked what it is"),
        (UID, "another kind", "is no Namespace"),
    ],
)
def test_a_cluster_that_does_not_prove_it_is_an_objection(
    tmp_path: Path, certificates: Certificates, uid: str, lie: str, told: str
) -> None:
    liar = true_cluster(uid)
    liar.lies["GET"] = lie
    assert told in (objected(tmp_path, certificates, liar, lambda path: identity(path, certificates)) or "")


def test_another_authority_than_the_declared_one_is_an_objection_and_nothing_is_sent(
    tmp_path: Path, certificates: Certificates
) -> None:
    liar = true_cluster()
    told = objected(tmp_path, certificates, liar, lambda path: identity(path, certificates, ca="0" * 64))
    assert "would be trusted by another authority" in (told or "")
    assert liar.calls == []


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"labels": {MARKER: MARK}}, None),
        ({}, f"kubectl label namespace payments {MARKER}={MARK}"),
        ({"labels": {MARKER: "other-one"}}, "is labelled for another environment"),
        ({"labels": {MARKER: MARK}, "deletionTimestamp": "2026-11-29T10:00:00Z"}, "is being deleted"),
        (None, "does not exist"),
    ],
)
def test_a_namespace_is_drilled_only_where_its_label_says_so(
    tmp_path: Path, certificates: Certificates, metadata: dict[str, Any] | None, told: str | None
) -> None:
    liar = Liar()
    if metadata is not None:
        metadata = {"name": "payments", **metadata}
        liar.objects["/api/v1/namespaces/payments"] = {"kind": "Namespace", "metadata": metadata}
    said = objected(tmp_path, certificates, liar, lambda path: Marker(kubernetes=target(path)))
    assert (said is None) if told is None else (told in (said or ""))


def test_doctor_tells_whom_the_cluster_takes_us_for(tmp_path: Path, certificates: Certificates) -> None:
    async def main() -> list[str]:
        async with lying(true_cluster(), certificates) as port:
            kind = checks.Cluster(target=target(kubeconfig(tmp_path, port, certificates)))
            return [str(one) for one in await kind.examine(GIVEN)]

    told = asyncio.run(main())
    assert "drills at https://127.0.0.1" in told[0]
    assert "does not exist" in told[1]


def test_a_token_is_never_told(tmp_path: Path, certificates: Certificates) -> None:
    async def main() -> None:
        liar = Liar()
        liar.lies["GET"] = "401"
        async with lying(liar, certificates) as port:
            path = kubeconfig(tmp_path, port, certificates)
            with pytest.raises(Untold) as told:
                async with Api.open(target(path), "run-1", 1.0) as api:
                    await api.read(Where.of("v1", "", "namespaces", "payments"), Object, 0.5)
        assert TOKEN not in str(told.value)

    asyncio.run(main())
