"""`ssh.identity`: every host of an inventory proves by its key what it is, before anything is touched."""

from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.ansible import plays
from faildrill.adapters.ansible.results import Task, said, what_to_do
from faildrill.adapters.ansible.results import told as in_words
from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee
from faildrill.ports import Given, Kind, Told

_OTHER_KEY: Final = ("Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "key is known for")
"""What OpenSSH says of a key that is not the declared one."""
_LOOK: Final = str(Path(__file__).with_name("identity.yml"))


class Identity(Kind):
    """Refuses the drill unless every host of the inventory holds the private key to its declared public key.

    Every host is connected to in the same way as playbooks will, with the same user and jump hosts; only the key under
    its name in the target's `keys` is accepted. A host that is in the inventory but not in `keys`, can't be reached,
    hangs or shows another key is an objection. `ssh-keyscan -t ed25519 HOST` prints a key: compare it with what the
    host's console shows before you believe it.

        identity:
          - ssh.identity: {hosts: staging}
    """

    patience: ClassVar[float] = 30.0

    hosts: Hosts = Field(description="the hosts, with their `keys`")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.hosts.keys:
            raise ValueError(f"hosts {self.hosts.name} declares no `keys`: nothing would be proven")
        return self

    def facts(self) -> list[str]:
        """Return the keys that are proven: the same from any checkout, under any name."""
        return sorted(f"ssh host key {key}" for key in self.hosts.keys.values())

    async def objection(self, given: Given) -> str | None:
        """Connect to every host; whatever is not exactly as declared is an objection."""
        answers = await self.ask_again(given)
        wrong = [*answers.differs, *answers.silent]
        if wrong or not answers.proved:
            return "; ".join(wrong) or "the inventory lists no host, so nothing is proven"
        return None

    async def ask_again(self, given: Given) -> Told:
        """Connect to every host, and tell apart who shows another key and who can't be reached."""
        key = plays.key_of(given.run, "ssh.identity")
        answers = Told([], [], [])
        try:
            played = await plays.play(plays.Score(self.hosts, _LOOK), key, given.timeout * plays.SHARE, given.run)
        except CannotSee as error:
            return answers._replace(silent=[f"the hosts could not be asked: {error}"])
        asked = {result.host: result for result in played.tasks}
        for host in sorted({*asked, *played.hosts}):
            task = asked.get(host)
            if task is not None and task.how == "ok":
                answers.proved.append(host)
            elif host not in self.hosts.keys:
                answers.differs.append(
                    f"{host} is in the inventory and has no key in `keys`: declare it, or take it out"
                )
            else:
                why = said(task.result) if task is not None else "it was not asked in time"
                (answers.differs if _has_other_key(task) else answers.silent).append(
                    f"{host} did not prove what it is: {why}; {what_to_do(why)}"
                )
        if played.code != 0 and not answers.differs and not answers.silent:
            answers.silent.append(f"the hosts could not all be asked: {in_words(played)}")
        return answers


def _has_other_key(task: Task | None) -> bool:
    """Tell whether OpenSSH has refused the key that a host showed."""
    words = str(task.result.get("msg", "")) if task is not None else ""
    return any(phrase in words for phrase in _OTHER_KEY)
