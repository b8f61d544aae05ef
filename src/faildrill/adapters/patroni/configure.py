"""`patroni.configure`: the configuration that all nodes of a cluster share is changed, and put back."""

import json
from typing import ClassVar, Final, Literal

from pydantic import Field, JsonValue

from faildrill.adapters.patroni.changes import Call, configuration, configurations, may_tell, tell
from faildrill.adapters.patroni.interface_proof import OfCluster
from faildrill.adapters.patroni.succession import number
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import ActionFailed, ActionRefused
from faildrill.ports import Captured, Checked, Given, Observed, Preview
from faildrill.ports.effect import ACTS_LATE, Effect, Found
from faildrill.toolkit.deadlines import SHARE, patience

_SYNCHRONOUS: Final = "synchronous_mode"
Settings = dict[str, JsonValue]


class Configure(OfCluster):
    """Changes Patroni's configuration of a cluster: `PATCH /config`, once, with the values of `set`.

    A value of null removes a setting; mappings are merged with what is there, as Patroni does. It is refused if all of
    it is set already, and while members tell different configurations: each tells what it has read last, up to
    `loop_wait` ago. Its effect is seen when all that tell it have the new values and, if `synchronous_mode` is among
    them, when the primary has a synchronous standby, or has none any more. It is put back when exactly these settings
    have their former values on all.

        steps:
          - name: make replication synchronous
            patroni.configure: {cluster: payments, set: {synchronous_mode: true, synchronous_mode_strict: true}}
    """

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 10.0
    """Patroni goes on trying to write into its store: `retry_timeout` is 10 s unless set, as `capture` says then."""

    cluster: Cluster = Field(description="the cluster that is configured")
    set: Settings = Field(min_length=1, description="settings by name, as in `patronictl show-config`")

    async def rights(self, given: Given) -> list[Checked]:
        """Ask every node whether it takes changing calls from us."""
        return [await may_tell(self.cluster, patience(given))]

    async def capture(self, given: Given) -> Captured:
        """Read what is set now."""
        config = await configuration(self.cluster, patience(given))
        former = _former(config, self.set)
        if former == _former(self.set, self.set):
            raise ActionRefused(f"{self.cluster.name} is configured like this already: there is nothing to change")
        who: dict[str, JsonValue] = {**(await self._once(patience(given))).who()}
        return {"former": former, "who": who, ACTS_LATE: float(number(config, "retry_timeout", int(self.acts_late)))}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Tell the leader, once."""
        return {"answer": "configured", "by": await self._patch(self.set, given)}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the new values, and what they are for."""
        return await self._seen(self.set, given)

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See the new values; who is synchronous may change with what else is done."""
        return self._all_have(self.set, await self._told(self.set, given))

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare each setting with what this made of it, and with what it was."""
        former = before["former"]
        if not isinstance(former, dict):
            raise ActionFailed("what was set before is not on record")
        configs = await self._told(self.set, given)
        known = all(_is_known(now, self.set, former) for now in configs.values())
        others = (await self._once(patience(given))).strangers(before)
        whose: Literal["ours", "before", "others"] = "ours" if known and not others else "others"
        if not others and all(now == former for now in configs.values()):
            whose = "before"
        body = json.dumps(former)
        remedy = f"curl -X PATCH -d '{body}' on /config of the leader of {self.cluster.name}"
        return Found(whose, "; ".join([*others, self._in_words(configs)]), str(self.set), remedy)

    async def undo(self, before: Captured, given: Given) -> None:
        """Give the former values back, and remove what was not set."""
        former = before["former"]
        if isinstance(former, dict):
            await self._patch(former, given)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the former values, and what they are for."""
        former = before["former"]
        return await self._seen(former if isinstance(former, dict) else {}, given)

    async def preview(self, given: Given) -> Preview:
        """Read what would be changed now."""
        former = _former(await configuration(self.cluster, patience(given)), self.set)
        members = [f"{self.cluster.name}/{name}" for name in self.cluster.members]
        sight = await self._once(patience(given))
        healthy = [f"{self.cluster.name}/{name}" for name in (sight.leader, *sight.candidates()) if name]
        return Preview(members, f"configure {self.set}", f"configure {former}", healthy)

    async def _patch(self, settings: Settings, given: Given) -> str:
        """Send the settings to the leader, or to any member that answers; return who was told."""
        sight = await self._once(patience(given))
        answering = [name for name, node in sorted(sight.nodes.items()) if node.status is not None]
        if not answering:
            raise ActionRefused(f"no member of {self.cluster.name} answers: {'; '.join(sight.missing())}")
        node = sight.leader or answering[0]
        await tell(self.cluster, node, Call("PATCH", "/config"), settings, given.timeout * SHARE / 2)
        return node

    async def _told(self, wanted: Settings, given: Given) -> dict[str, Settings]:
        """Read the settings that are wanted as each member tells them, by name."""
        configs = await configurations(self.cluster, patience(given))
        return {name: _former(config, wanted) for name, config in configs.items()}

    async def _seen(self, wanted: Settings, given: Given) -> Observed:
        observed = self._all_have(wanted, await self._told(wanted, given))
        if not observed.holds or _SYNCHRONOUS not in wanted:
            return observed
        sight = await self._once(patience(given))
        there = sight.synchronous
        because = f"{', '.join(there)} is synchronous" if there else "no standby is synchronous"
        return Observed(bool(there) == bool(wanted[_SYNCHRONOUS]), f"{observed.because}; {because}")

    def _all_have(self, wanted: Settings, told: dict[str, Settings]) -> Observed:
        expected = _former(wanted, wanted)
        return Observed(all(value == expected for value in told.values()), self._in_words(told))

    def _in_words(self, told: dict[str, Settings]) -> str:
        """Say what is set, and who tells what where they differ."""
        first, *others = told.values()
        if all(other == first for other in others):
            return f"{self.cluster.name} has {first}"
        return "; ".join(f"{name} has {value}" for name, value in told.items())


def _is_known(now: JsonValue, ours: JsonValue, former: JsonValue) -> bool:
    """Tell whether each value is either ours or as before, by setting."""
    if isinstance(now, dict) and isinstance(ours, dict) and isinstance(former, dict):
        return all(_is_known(value, ours.get(name), former.get(name)) for name, value in now.items())
    return now in (ours, former)


def _former(config: Settings, wanted: Settings) -> Settings:
    """Pick the settings that are wanted out of a configuration; null where one is not set."""
    former: Settings = {}
    for name, value in wanted.items():
        now = config.get(name)
        former[name] = _former(now, value) if isinstance(value, dict) and isinstance(now, dict) else now
    return former
