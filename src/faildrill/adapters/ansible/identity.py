"""`ssh.identity`: every host of an inventory proves by its key that it is the declared one, before anything is touched."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.ansible import plays
from faildrill.adapters.ansible.results import told
from faildrill.errors import CannotSee
from faildrill.ports import Given, Kind
from faildrill.targets import Hosts

SHARE: Final = 0.9
_LOOK: Final = str(Path(__file__).with_name("identity.yml"))


class Identity(Kind):
    """Refuses the drill unless every host of the inventory holds the private key to its declared public key.

    Every host is connected to as playbooks will be, with its user and by its jump hosts, and with no key accepted but the
    one under its name in `keys` of the target. A host that the inventory lists and `keys` does not, one that
    can't be reached, hangs or shows another key is an objection. `ssh-keyscan -t ed25519 HOST` prints a key; compare it
    with what the host's console shows before you believe it.

        identity:
          - ssh.identity: {hosts: staging}
    """

    hosts: Hosts = Field(description="the hosts, with their `keys`")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.hosts.keys:
            raise ValueError(f"hosts {self.hosts.name} declares no `keys`: nothing would be proven")
        return self

    async def objection(self, given: Given) -> str | None:
        """Connect to every host; whatever is not exactly as declared is an objection."""
        key = plays.key_of(given.run, "ssh.identity")
        try:
            played = await plays.play(plays.Score(self.hosts, (_LOOK,)), key, given.timeout * SHARE, given.run)
        except CannotSee as error:
            return f"could not be asked: {error}"
        proven = {one.host for one in played.tasks if one.how == "ok"}
        unproven = sorted(set(played.hosts) - proven)
        if played.code == 0 and proven and not unproven:
            return None
        undeclared = [host for host in unproven if host not in self.hosts.keys]
        because = f"no key is declared for {', '.join(undeclared)}; " if undeclared else ""
        why = "; ".join(str(one) for one in played.unreachable[:5]) or told(played)
        return f"{', '.join(unproven) or 'the inventory'} did not prove what it is: {because}{why}"
