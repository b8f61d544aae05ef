"""The environment of a container: written out, or taken from the pod, a Secret or a ConfigMap."""

import base64
from typing import Any, Final

from faildrill.lab.core import node
from faildrill.lab.core.process_tree import MARK
from faildrill.lab.kubernetes.api import Api, Refused

_COLLECTIONS: Final = {"secretKeyRef": "secrets", "configMapKeyRef": "configmaps"}


class NotThere(Exception):
    """A variable's source is not there; says which."""


async def of(container: dict[str, Any], pod: dict[str, Any], api: Api, mark: str) -> dict[str, str]:
    """Return the environment; NotThere for a source that is missing, which may come to be there later.

    Nothing of the kubelet's own environment is in it but what every process of the lab has, and the mark of the node.
    """
    found = {**node.environment(), MARK: mark, "HOSTNAME": pod["metadata"]["name"]}
    for one in container.get("env", []):
        source = one.get("valueFrom")
        value = await _read(source, pod, api) if source else one.get("value", "")
        if value is not None:
            found[one["name"]] = value
    return found


async def _read(source: dict[str, Any], pod: dict[str, Any], api: Api) -> str | None:
    """Return a value from where it is; None where it is missing and may be."""
    if "fieldRef" in source:
        section, _, name = source["fieldRef"]["fieldPath"].partition(".")
        return str(pod[section][name])
    [(kind, asked)] = source.items()
    collection = _COLLECTIONS[kind]
    try:
        held = await api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/{collection}/{asked['name']}")
        value: str = held["data"][asked["key"]]
    except (KeyError, Refused) as error:
        if isinstance(error, Refused) and not error.is_missing:
            raise
        if asked.get("optional"):
            return None
        raise NotThere(f"{collection} {asked['name']!r} has no {asked['key']!r}") from error
    return base64.b64decode(value).decode() if kind == "secretKeyRef" else value
