"""`ansible.playbook` as a probe: a playbook that looks."""

from typing import ClassVar, Final

from pydantic import Field

from faildrill.adapters.ansible import plays
from faildrill.adapters.ansible.playbook import OnHosts
from faildrill.errors import CannotSee
from faildrill.ports import Given, Seen
from faildrill.ports.target import FilePath
from faildrill.record.samples import Outcome
from faildrill.toolkit import answering_name

_LONGEST: Final = 60


class Look(OnHosts):
    """Plays a playbook of yours at every look; good when it ends well on every host.

    A host that can't be reached makes the look `unreachable`; a task that fails makes it `wrong`, with host and task as
    detail. If the playbook sets `who` with `set_stats`, that is who answered. Starting Ansible costs more than a second
    of a processor, so these looks are made by a process of their own: look every 10 s or so.

        probes:
          replicas: {ansible.playbook: {hosts: staging, playbook: ../playbooks/replicas.yml}, every: 15s, timeout: 10s}
    """

    blocking: ClassVar[bool] = True

    playbook: FilePath = Field(description="the playbook; it changes nothing")

    async def look(self, given: Given) -> Seen:
        """Play it once."""
        key = plays.key_of(given.run, given.name)
        try:
            played = await plays.play(self.score(self.playbook, act="look"), key, given.timeout * 2, given.run)
        except CannotSee as error:
            return Seen(Outcome.BROKEN, detail=str(error)[:_LONGEST])
        who = answering_name.told(str(played.given.get("who", "")), _LONGEST)
        if played.code is None:
            return Seen(Outcome.TIMED_OUT)
        if played.unreachable:
            return Seen(Outcome.UNREACHABLE, who, f"{played.unreachable[0].host} is unreachable")
        if played.code != 0 or not played.hosts:
            failed = played.failed
            because = f"{failed[0].host}: {failed[0].task}" if failed else f"exit {played.code}"
            return Seen(Outcome.WRONG, who, because[:_LONGEST])
        return Seen(Outcome.OK, who)
