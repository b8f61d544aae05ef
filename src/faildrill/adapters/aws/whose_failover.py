"""Whose the present writer of a cluster is, by one look at state and events: of the step or of others."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from faildrill.adapters.aws.aurora_cluster import Sight
from faildrill.adapters.aws.target import Account


class Judged(NamedTuple):
    """What a look tells of what has become of a cluster since a step."""

    others: list[str]
    """What somebody else has made of it; empty where nothing shows that."""
    untold: str = ""
    """Why state and events don't tell yet how the writer came to be it, so that it has to be looked at again."""


def judged(sight: Sight, before: Mapping[str, Any], target: str | None, account: Account) -> Judged:
    """Judge a look; `before` is the `as_data` from before the step, `target` the writer that it asked for, if any.

    CannotSee where the events do not reach back to the step.
    """
    return Judged([*sight.strangers(before), *_others(sight, before, target, account)], sight.untold(before))


def _others(sight: Sight, before: Mapping[str, Any], target: str | None, account: Account) -> Iterator[str]:
    first, leader, news = before["writer"], sight.leader, sight.news(before)
    if stray := sight.stray(account):
        yield f"{sight.cluster} {stray}"
    if sight.resource and before["resource"] and sight.resource != before["resource"]:
        yield f"{sight.cluster} is another one: {sight.resource}, it was {before['resource']}"
    if leader in (None, first):
        return
    ended = [event for event in news if event.is_end]
    if len(ended) > 1 or sum(event.is_beginning for event in news) > 1:
        times = max(len(ended), sum(event.is_beginning for event in news))
        yield f"it was failed over {times} times: {'; '.join(event.message for event in news)}"
    elif ended and ended[-1].instance != leader:
        yield f"{leader} is the writer, and the last event tells of a failover to {ended[-1].instance}"
    if target not in (None, leader):
        yield f"{leader} is the writer, which this step has not asked for"
