"""What a drill will need of Redis under Sentinel, looked at by `faildrill doctor`."""

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

from faildrill.adapters.redis.client import Login, Talk, directly, in_words, misencrypted, sentinels, what_to_do
from faildrill.adapters.redis.nodes import asked, sighted
from faildrill.adapters.redis.succession import Sight
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Checked, Given, Kind
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import observed, whole
from faildrill.toolkit.leader_store.checks import misspelled

_SETTINGS: Final = ("min-replicas-to-write", "min-replicas-max-lag", "appendonly", "save")
_RIGHTS: Final = "give the login `+config|get`, and for a failover `+config|set`"


class _Set(NamedTuple):
    """What one node is set to, or why it does not say."""

    values: dict[str, str]
    refused: str = ""


class Watched(Kind):
    """Looks whether nodes and Sentinels answer and agree, and how the nodes are set to keep writes."""

    target: Redis

    async def examine(self, given: Given) -> list[Checked]:
        """Ask all nodes and Sentinels at once."""
        within = given.timeout * SHARE
        members = self.target.members.items()
        sight, settings, known = await asyncio.gather(
            observed(lambda: sighted(self.target, within / 4), within / 2),
            asyncio.gather(*(_settings(directly(self.target, member), within) for _, member in members)),
            asyncio.gather(*(_others(login, self.target.master, within) for login in sentinels(self.target))),
        )
        by_name = dict(zip(self.target.members, settings, strict=True))
        answers = [*await self._nodes(sight, within / 2), *await self._sentinels(sight, known, within / 2)]
        return [*answers, *self._spelled(sight), *whole(self.target.name, sight), *self._kept(by_name)]

    async def _nodes(self, sight: Sight, within: float) -> list[Checked]:
        answers = []
        for name, member in self.target.members.items():
            node = sight.nodes[name]
            words, remedy = str(node).removeprefix(f"{name} "), ""
            if node.silent:
                login = directly(self.target, member)
                words = await misencrypted(login, within) or words
                remedy = what_to_do(words, login)
            answers.append(Checked(f"{self.target.name}/{name}", not node.silent, words, remedy))
        return answers

    async def _sentinels(self, sight: Sight, known: list[int | None], within: float) -> list[Checked]:
        answers, declared = [], len(self.target.sentinels)
        for login, watch, others in zip(sentinels(self.target), sight.watches, known, strict=True):
            what = f"{self.target.name} Sentinel {watch.where}"
            if watch.silent:
                words = await misencrypted(login, within) or watch.silent
                answers.append(Checked(what, ok=False, told=words, remedy=what_to_do(words, login)))
            elif watch.can_decide:
                answers.append(Checked(what, ok=False, told=watch.can_decide, remedy=watch.remedy))
            elif others is not None and others != declared:
                remedy = "declare all of them, or have it forget those that are gone: SENTINEL RESET"
                words = f"knows of {others} Sentinels, {declared} are declared"
                answers.append(Checked(what, ok=False, told=words, remedy=remedy))
            else:
                where = f"names {sight.named(watch) or watch.address}, and could have another promoted"
                answers.append(Checked(what, ok=True, told=where))
        return answers

    def _spelled(self, sight: Sight) -> Iterator[Checked]:
        """Tell which line to write where the Sentinels know a node by another address."""
        return misspelled(self.target.name, sight.unspelled(), "the Sentinels know it as")

    def _kept(self, settings: dict[str, _Set]) -> Iterator[Checked]:
        """Tell how acknowledged writes are kept: when nodes are parted, and when one starts again."""
        name = self.target.name
        refused = [f"{node} {answer.refused}" for node, answer in settings.items() if answer.refused]
        if refused:
            yield Checked(f"{name} settings", ok=False, told="; ".join(refused), remedy=_RIGHTS)
        by_node = {node: answer.values for node, answer in settings.items() if answer.values}
        if by_node:
            yield _parted(f"{name} min-replicas", by_node)
            yield _restarted(f"{name} persistence", by_node)


def _parted(what: str, seen: dict[str, dict[str, str]]) -> Checked:
    by_node = {
        node: f"min-replicas-to-write {one['min-replicas-to-write']}, max-lag {one['min-replicas-max-lag']}"
        for node, one in seen.items()
    }
    if len(set(by_node.values())) > 1:
        words = "; ".join(f"{node} {settings_told}" for node, settings_told in by_node.items())
        return Checked(what, ok=False, told=words, remedy="set the same everywhere: any node may be the master")
    words = next(iter(by_node.values()))
    if any("0" in (values["min-replicas-to-write"], values["min-replicas-max-lag"]) for values in seen.values()):
        words += ": a master that is cut off goes on taking writes, which are lost"
    return Checked(what, ok=True, told=words)


def _restarted(what: str, seen: dict[str, dict[str, str]]) -> Checked:
    empty = [node for node, values in seen.items() if values["appendonly"] == "no" and not values["save"]]
    if not empty:
        return Checked(what, ok=True, told="every node keeps its data over a restart")
    words = f"{', '.join(empty)} would start empty; a master that does, before it is replaced, empties its replicas"
    return Checked(what, ok=False, told=words, remedy="set `appendonly yes`, or `save`")


async def _settings(login: Login, within: float) -> _Set:
    async def what(talk: Talk) -> dict[str, str]:
        by_setting = {}
        for setting in _SETTINGS:
            by_setting[setting] = str((await talk.ask("CONFIG", "GET", setting))[1])
        return by_setting

    try:
        return _Set(await asked(login, what, within))
    except (OSError, UnresolvedSecret) as error:
        return _Set({}, in_words(error))
    except LookupError:
        return _Set({}, "does not know its settings")


async def _others(login: Login, master: str, within: float) -> int | None:
    """Return of how many Sentinels one knows, itself among them; None where it does not say."""

    async def what(talk: Talk) -> int:
        return len(await talk.ask("SENTINEL", "SENTINELS", master)) + 1

    try:
        return await asked(login, what, within)
    except (OSError, UnresolvedSecret, TypeError):
        return None
