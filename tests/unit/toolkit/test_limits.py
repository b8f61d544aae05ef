"""The limit that a drill file sets is the one by which a store's nodes are weighed, in every kind that has one."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from faildrill.adapters.mariadb import loss as mariadb_losing
from faildrill.adapters.mariadb import probes as mariadb_probes
from faildrill.adapters.mariadb import promote
from faildrill.adapters.patroni import handover, loss
from faildrill.adapters.patroni import probes as patroni_probes
from faildrill.adapters.redis import failover
from faildrill.adapters.redis import loss as redis_losing
from faildrill.adapters.redis import probes as redis_probes
from faildrill.toolkit.leader_store import OfStore

MODULES = (
    *(mariadb_losing, mariadb_probes, promote, handover, loss, patroni_probes, failover, redis_losing),
    *(redis_probes,),
)
NAMES = ("lag_at_most", "late_at_most")


def limited() -> Iterator[tuple[type[OfStore[Any]], str]]:
    for module in MODULES:
        for kind in vars(module).values():
            is_kind = isinstance(kind, type) and issubclass(kind, OfStore) and not inspect.isabstract(kind)
            is_kind = is_kind and not kind.__name__.startswith("_")
            if is_kind and kind.__module__ == module.__name__:
                yield from ((kind, name) for name in NAMES if name in kind.model_fields)


def test_every_kind_with_a_limit_is_found() -> None:
    assert len(list(limited())) == 10


@pytest.mark.parametrize(("kind", "name"), list(limited()), ids=lambda one: getattr(one, "__name__", one))
def test_the_limit_of_a_kind_is_the_one_that_was_written(kind: type[OfStore[Any]], name: str) -> None:
    values: dict[str, Any] = {name: 7}
    assert kind.model_construct(None, **values)._most == 7
