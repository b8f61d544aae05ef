"""`kubernetes.identity` and `kubernetes.marker`: what a cluster, and its namespaces, say that they are."""

import hashlib
import re
import ssl
from collections.abc import Mapping
from typing import Final

from pydantic import Field, field_validator

from faildrill.adapters.kubernetes.client import Api, Untold, Where
from faildrill.adapters.kubernetes.kubeconfig import NoWay
from faildrill.adapters.kubernetes.objects import Object
from faildrill.adapters.kubernetes.rights import Needed, Rule
from faildrill.adapters.kubernetes.target import MARKER, Kubernetes
from faildrill.errors import CannotSee
from faildrill.ports import Given, causes
from faildrill.toolkit.identity import DIFFERS, PROVED, SILENT, Answer, EveryNodeProves, shown

_UID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


class _AsksTheApi(EveryNodeProves[Where]):
    """What both guards share: one connection to the API server for each that is asked."""

    kubernetes: Kubernetes = Field(description="the cluster that is asked")

    async def _object(self, what: Where, within: float) -> Object | None:
        async with Api.open(self.kubernetes, "guard", within / 2) as api:
            return await api.read(what, Object, within / 2)

    def _silence(self, error: CannotSee) -> Answer:
        """Return the answer of who told nothing; what is declared wrong, or answers as something else, differs."""
        is_other = isinstance(error, NoWay) or (isinstance(error, Untold) and _is_another(error.words))
        return Answer(DIFFERS if is_other else SILENT, f"can't be asked what it is: {error}")


class Identity(_AsksTheApi):
    """Refuses the drill unless the cluster is the declared one: the UID of `kube-system`, and its authority.

    Kubernetes makes up the UID of the namespace `kube-system` when a cluster is created; a name, an address or a
    context can't fake it. `ca` is the SHA-256 of the certificate that signs the API server's: no server is asked that
    shows another one's. It is asked again before anything is put back. A cluster that says something else, is down or
    hangs is an objection.

    `kubectl get namespace kube-system -o jsonpath={.metadata.uid}` and `openssl x509 -in ca.crt -noout -fingerprint
    -sha256` print what to write. The account needs `get` on the namespace `kube-system`.

        identity:
          - kubernetes.identity:
              kubernetes: staging
              system: 0d6f3b9e-7a41-4c7e-9c53-1f5a9e7a2b10
              ca: 9d1f0c…
    """

    system: str = Field(pattern=_UID, description="the UID of its namespace `kube-system`")
    ca: str = Field(description="the SHA-256 of its authority's certificate, in hexadecimal; colons may stand in it")

    @field_validator("ca")
    @classmethod
    def _is_a_fingerprint(cls, value: str) -> str:
        plain = value.lower().replace(":", "")
        if not _FINGERPRINT.fullmatch(plain):
            raise ValueError("a SHA-256 is 64 hexadecimal digits: openssl x509 -in ca.crt -noout -fingerprint -sha256")
        return plain

    def _logins(self) -> Mapping[str, Where]:
        return {f"cluster {self.kubernetes.name}": Where.of("v1", "", "namespaces", "kube-system")}

    async def _one(self, login: Where, within: float) -> Answer:
        try:
            async with Api.open(self.kubernetes, "guard", within / 2) as api:
                if wrong := self._other_authorities(api.way.authorities):
                    return Answer(DIFFERS, wrong)
                found = await api.read(login, Object, within / 2)
        except CannotSee as error:
            return self._silence(error)
        said = found.metadata.uid if found is not None else None
        if said == self.system:
            return Answer(PROVED)
        told = f"says that its kube-system is {shown(said)}, not {self.system}: this is not the declared cluster"
        return Answer(DIFFERS, told)

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it asks for."""
        return [Needed("", Rule("get", "namespaces", name="kube-system"))]

    def facts(self) -> list[str]:
        """Return the UID, however the cluster is reached."""
        return [f"kubernetes system {self.system}"]

    def _other_authorities(self, authorities: tuple[str, ...]) -> str:
        """Tell what else than the declared certificate would be trusted; empty where there is nothing else."""
        if not authorities:
            return "would be trusted by any authority of this system: name its own in the kubeconfig"
        found = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(one)).hexdigest() for one in authorities]
        others = sorted({one for one in found if one != self.ca})
        if not others:
            return ""
        return f"would be trusted by another authority ({', '.join(others)}) than the declared one"


class Marker(_AsksTheApi):
    """Refuses the drill unless each namespace of the target carries the label of this environment.

    Whoever may decide that a namespace can be drilled labels it once, with the target's `marker`: `kubectl label
    namespace payments faildrill/environment=7d3f6f1e-2f0c-4a57-9a6e-3a1d6f0b9c11`.

    A namespace that is missing, terminating, unlabelled, or labelled for another environment is an objection. Each
    action looks once more at the namespace that it acts in. The account needs `get` on these namespaces.

        identity:
          - kubernetes.marker: {kubernetes: staging}
    """

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it asks for."""
        return [Needed(one, Rule("get", "namespaces", name=one)) for one in self.kubernetes.namespaces]

    def facts(self) -> list[str]:
        """Return the marker."""
        return [f"kubernetes marker {self.kubernetes.marker}"]

    def _logins(self) -> Mapping[str, Where]:
        target = self.kubernetes
        return {f"namespace {target.name}/{one}": Where.of("v1", "", "namespaces", one) for one in target.namespaces}

    async def _one(self, login: Where, within: float) -> Answer:
        try:
            found = await self._object(login, within)
        except CannotSee as error:
            return self._silence(error)
        differs = unmarked(found, self.kubernetes)
        return Answer(DIFFERS, differs) if differs else Answer(PROVED)


def unmarked(found: Object | None, target: Kubernetes, what: str = "namespace") -> str:
    """Tell why a namespace, or a node, may not be drilled; empty where it may."""
    if found is None:
        return "does not exist: correct `namespaces`, or create and label it"
    if found.metadata.deletion_timestamp is not None:
        return "is being deleted"
    said = (found.metadata.labels or {}).get(MARKER)
    if said == target.marker:
        return ""
    write = f"kubectl label {what} {found.metadata.name} {MARKER}={target.marker}"
    if said is None:
        return f"does not carry the label {MARKER}; only if it may be drilled: {write}"
    return f"is labelled for another environment: {MARKER} is {shown(said)}, not {target.marker}"


def _is_another(words: str) -> bool:
    return words == causes.GARBAGE or "certificate" in words or words in (causes.NO_TLS, "HTTP 401", "HTTP 403")
