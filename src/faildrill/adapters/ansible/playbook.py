"""`ansible.playbook` as an action: one playbook does it, one puts it back, one tells whether it is in effect."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, JsonValue, field_validator

from faildrill.adapters.ansible import inventory, plays
from faildrill.adapters.ansible.delegation import elsewhere
from faildrill.adapters.ansible.plays import SHARE
from faildrill.adapters.ansible.results import Played, Task, told
from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import Captured, Given, Hears, Kind, Observed, Preview
from faildrill.ports.effect import Effect
from faildrill.ports.target import FilePath
from faildrill.secrets import SecretReference
from faildrill.system import threads

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = ("faildrill_", "ansible_shell_type", "ansible_ssh_args")
_TRUTHS: Final = {True: True, False: False, "True": True, "False": False}
"""How a fact says so; Ansible before 2.19 makes texts of what a template gives."""
_NEWS: Final = ("failed", "unreachable")
_OWN_PLAY: Final = "nobody proves or tells it; name it among the `hosts` of a play, and of the one that verifies"


def _named(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not _VARIABLE.fullmatch(name) or name.startswith(_OURS):
            raise ValueError(
                f"{name!r} can't be a variable here: letters, digits and '_', and not one of faildrill's own"
            )
    return value


class OnHosts(Kind):
    """What every use of playbooks shares: where, and with what."""

    hosts: Hosts = Field(description="the hosts")
    only: tuple[str, ...] = Field(
        default=(), alias="limit", description="hosts, groups or patterns; by default all that the play names"
    )
    vars: dict[str, JsonValue] = Field(default={}, description="extra variables")
    secret_vars: dict[str, SecretReference] = Field(default={}, description="extra variables whose values are secret")

    _names = field_validator("vars", "secret_vars")(_named)

    def score(self, playbook: str, act: str, known: Mapping[str, JsonValue] | None = None) -> plays.Score:
        """Return what is played for one act."""
        variables = {**self.vars, "faildrill_act": act, **(known or {})}
        return plays.Score(self.hosts, playbook, variables, self.secret_vars, self.only)

    async def listed(self, playbooks: tuple[str, ...], within: float, *options: str) -> list[inventory.Listed]:
        """Return the hosts and tasks of each playbook as it would be played now; CannotSee says why not."""
        for playbook in playbooks:
            if not await _is_there(playbook):
                raise CannotSee(f"there is no playbook {playbook}")
        await inventory.see(self.hosts)
        with plays.private(plays.key_of("", list(playbooks))) as folder:
            env = plays.surroundings(self.hosts, folder, {})
            arguments = ["-i", self.hosts.inventory, "--list-hosts", "--list-tasks", *options]
            arguments += ["--limit", ",".join(self.only)] if self.only else []
            arguments += ["-e", f"@{self._plain_variables(folder)}", *playbooks]
            text = await inventory.ask("ansible-playbook", arguments, env, within, Path(playbooks[0]).parent)
        return inventory.listed(text)

    async def misnamed(self, within: float) -> str | None:
        """Tell which of the limits names nobody of the inventory."""
        with plays.private(plays.key_of("", self.hosts.inventory)) as folder:
            env = plays.surroundings(self.hosts, folder, {})
            hosts, groups = await inventory.names(self.hosts, env, within)
        plain = [pattern for pattern in self.only if re.fullmatch(r"[\w.-]+", pattern)]
        unknown = ", ".join(pattern for pattern in plain if pattern not in hosts | groups)
        return f"the inventory knows no {unknown}; its hosts are {', '.join(sorted(hosts)[:20])}" if unknown else None

    def _plain_variables(self, folder: Path) -> Path:
        path = folder / "vars.json"
        hidden = dict.fromkeys(self.secret_vars, "hidden")
        path.write_text(json.dumps({**self.vars, **hidden, "faildrill_act": "list"}), encoding="utf-8")
        return path


async def _is_there(playbook: str) -> bool:
    """Tell whether it is a file; CannotSee where its file system doesn't say."""
    try:
        return await threads.of_file(playbook, Path(playbook).is_file)
    except OSError as error:
        raise CannotSee(f"whether there is a playbook {playbook} is unknown: {reason(error)}") from error


class Playbook(OnHosts):
    """Plays a playbook of yours on hosts as a step; another playbook tells whether its effect is there.

    You write three playbooks:

    - `apply` does it.
    - `undo` puts it back; it must be right to play at any time, also twice.
    - `verify` changes nothing and sets the fact `in_effect` to true or false on every host that it is played on.

    `verify` is played before the step (an effect that is there already refuses the step), after it, and after the undo.
    Each host that `apply` is played on must set the fact itself; a host that fails, can't be reached or sets no such
    fact is unknown, and never counts as put back. So `run_once`, a batch that ends early or a pattern that leaves a
    host out is not enough. `verify` may also set the fact `state`: it must be the same again after the undo. All three
    playbooks find its earlier value as `faildrill_before[host].state`.

    `apply` is played only on the hosts that Ansible lists beforehand. A host that a play adds (`add_host`) is left out,
    because nobody looked at it before. A task of `apply` or `undo` that is delegated to yet another host refuses the
    drill; `delegate_to` may name a host that is played on, or `localhost`.

    The playbook is played by ansible-runner in a process of its own. When the step is cut short, everything that it
    started is ended: on this machine, and on the hosts before the undo. The effect began when the task named in `began`
    started, or else the first task that changed something. Later steps can use what `set_stats` and `set_fact` set:
    `${steps.ID.NAME}`, `${steps.ID.HOST.NAME}`. `plan` lists hosts and tasks and touches none of them.

        steps:
          - name: stop payments on app1
            ansible.playbook:
              hosts:  staging
              limit:  [app1]
              apply:  ../playbooks/service-stop/apply.yml
              undo:   ../playbooks/service-stop/undo.yml
              verify: ../playbooks/service-stop/verify.yml
              vars:   {service_name: payments}
    """

    effect_is: ClassVar[Effect] = "state"
    looks_cost: ClassVar[bool] = True
    ending: ClassVar[float] = 5.0
    acts_late: ClassVar[float] = 0.0
    """What a play has left on the hosts is ended before the undo."""

    apply_file: Annotated[FilePath, Field(alias="apply", description="the playbook that does it")]
    undo_file: Annotated[FilePath, Field(alias="undo", description="the playbook that puts it back")]
    verify_file: Annotated[FilePath, Field(alias="verify", description="sets the fact `in_effect` on every host")]
    tags: tuple[str, ...] = Field(default=(), description="play only the tasks of `apply` with these tags")
    skip_tags: tuple[str, ...] = Field(default=(), description="leave out the tasks of `apply` with these tags")
    began: str | None = Field(default=None, description="the name of the task with which the effect begins")

    async def objection(self, given: Given) -> str | None:
        """Look whether playbooks, limits, tags and variables fit the inventory; no host is touched."""
        within = given.timeout * SHARE
        try:
            misnamed = await self.misnamed(within / 2) if self.only else None
            if misnamed:
                return misnamed
            found, *others = await self.listed((self.apply_file, self.undo_file, self.verify_file), within / 2)
            if self.tags or self.skip_tags:
                found = await self._applied(within / 2)
        except CannotSee as error:
            return str(error)
        for playbook, wanted in zip((self.apply_file, self.undo_file, self.verify_file), (found, *others), strict=True):
            if not wanted.hosts:
                return f"{playbook} names no host of the inventory within the limit"
            away = await threads.aside(partial(elsewhere, Path(playbook), wanted.hosts))
            if playbook != self.verify_file and away:
                return f"{away}, on which {Path(playbook).name} is not played: {_OWN_PLAY}"
        if self.began is not None and self.began not in (task.rpartition(" : ")[2] for task in found.tasks):
            return f"{self.apply_file} has no task {self.began!r}; it has {', '.join(found.tasks)}"
        return None if found.tasks else f"{self.apply_file} has no task with these tags"

    async def capture(self, given: Given) -> Captured:
        """See that no host that will be played on is in the effect yet, and what the state to go back to is."""
        applied, answers = await asyncio.gather(self._applied(given.timeout * SHARE), self._seen(given, {}))
        self._each_is_told(applied.hosts, answers)
        there = [host for host, answer in answers.items() if answer["in_effect"]]
        if there:
            raise ActionRefused(f"it is in effect already on {', '.join(there)}: put it back first")
        return {"hosts": {host: dict(answer) for host, answer in answers.items()}, "on": list[JsonValue](applied.hosts)}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Play it, once."""
        score = self.score(self.apply_file, act="apply", known={"faildrill_before": before["hosts"]})
        score = replace(score, tags=self.tags, skip_tags=self.skip_tags, limit=_those(before) or self.only)
        news = _News(given, self.began)
        try:
            played = await plays.play(score, self._key(given), given.timeout, given.run, news.hear)
        except CannotSee as error:
            if news.tasks:
                raise OutcomeUnknown(str(error)) from error
            raise ActionFailed(str(error)) from error
        return _answer(played)

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See it in effect on every host."""
        answers = await self._seen(given, before)
        self._each_is_told(_keys(before["hosts"]), answers)
        missing = [host for host, answer in answers.items() if not answer["in_effect"]]
        if missing:
            return Observed(holds=False, because=f"not in effect on {', '.join(missing)}")
        return Observed(holds=True, because=f"in effect on {', '.join(answers)}")

    async def undo(self, before: Captured, given: Given) -> None:
        """End what earlier plays of this step have left, here and on the hosts; then play the undo."""
        key = self._key(given)
        plays.end_earlier(key)
        score = replace(
            self.score(self.undo_file, act="undo", known={"faildrill_before": before["hosts"]}), fenced=True
        )
        played = await plays.play(score, key, given.timeout, None, _News(given, None).hear)
        if played.code != 0:
            raise ActionFailed(told(played))

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See that no host is in the effect any more, and the state is what it was."""
        answers = await self._seen(given, before)
        self._each_is_told(_keys(before["hosts"]), answers)
        still = [host for host, answer in answers.items() if answer["in_effect"]]
        if still:
            return Observed(holds=False, because=f"still in effect on {', '.join(still)}")
        if answers != before["hosts"]:
            return Observed(holds=False, because=f"the state is {answers}, before it was {before['hosts']}")
        return Observed(holds=True, because=f"not in effect any more on {', '.join(answers)}")

    async def preview(self, given: Given) -> Preview:
        """List the hosts and tasks, touching none."""
        applied = await self._applied(given.timeout * SHARE)
        touches = [f"{self.hosts.name}:{host}" for host in applied.hosts]
        return Preview(
            touches, f"{Path(self.apply_file).name}: {', then '.join(applied.tasks)}", f"play {self.undo_file}"
        )

    async def _applied(self, within: float) -> inventory.Listed:
        tags = [*(["--tags", ",".join(self.tags)] if self.tags else [])]
        skipped = [*(["--skip-tags", ",".join(self.skip_tags)] if self.skip_tags else [])]
        [listed] = await self.listed((self.apply_file,), within, *tags, *skipped)
        return listed

    async def _seen(self, given: Given, before: Captured) -> dict[str, dict[str, JsonValue]]:
        """Play what tells, and return by host whether it is in effect, and its state; CannotSee if one can't tell."""
        known = {"faildrill_before": before.get("hosts", {})}
        score = self.score(self.verify_file, act="verify", known=known)
        played = await plays.play(score, self._key(given), given.timeout * SHARE, given.run)
        if played.code != 0 or any(task.how == "unreachable" for task in played.tasks):
            raise CannotSee(told(played))
        facts = played.facts()
        by_host: dict[str, dict[str, JsonValue]] = {}
        for host in played.hosts:
            mine = facts.get(host, {})
            if mine.get("in_effect") not in _TRUTHS:
                raise CannotSee(f"{host}: {Path(self.verify_file).name} must set the fact in_effect to true or false")
            by_host[host] = {"in_effect": _TRUTHS[mine["in_effect"]], "state": mine.get("state")}
        if not by_host:
            raise CannotSee(f"{self.verify_file} was played on no host")
        return by_host

    def _each_is_told(self, hosts: Iterable[str], seen: Mapping[str, object]) -> None:
        """Raise CannotSee unless every one of these hosts was told."""
        if untold := sorted(set(hosts) - set(seen)):
            name, played = Path(self.verify_file).name, Path(self.apply_file).name
            raise CannotSee(
                f"{name} does not tell {', '.join(untold)}, which {played} is played on: "
                "it must set the fact in_effect on every such host, without run_once"
            )

    def _key(self, given: Given) -> str:
        return plays.key_of(given.run, self.model_dump(mode="json", by_alias=True))


class _News:
    """Tells the timeline of what a play does: what it changes, what fails, and with which task the effect begins."""

    def __init__(self, given: Given, began: str | None) -> None:
        self._given = given
        self._began = began
        self._has_begun = False
        self.tasks = 0

    def hear(self, task: Task, start: int) -> None:
        """Take a task that has ended."""
        self.tasks += 1
        is_it = task.task.rpartition(" : ")[2] == self._began if self._began else task.changed
        begins = is_it and not self._has_begun
        self._has_begun = self._has_begun or is_it
        if isinstance(self._given, Hears) and (begins or task.changed or task.how in _NEWS):
            self._given.tell(str(task), start, began=begins)


def _those(before: Captured) -> tuple[str, ...]:
    """Return the hosts that the state to go back to was read for, as it is written since it names them."""
    hosts = before.get("on")
    return tuple(str(host) for host in hosts) if isinstance(hosts, list) else ()


def _keys(hosts: JsonValue) -> Iterable[str]:
    return hosts if isinstance(hosts, dict) else ()


def _answer(played: Played) -> Captured:
    """Return what a play that ended well gives to later steps; otherwise raise what tells how far it came."""
    if played.code is None:
        raise OutcomeUnknown(f"the play was ended at its deadline; {played.told()}")
    if played.unreachable and not played.changed and not any(task.how != "unreachable" for task in played.tasks):
        raise ActionRefused(f"no host was reached: {told(played)}")
    if played.unreachable:
        raise OutcomeUnknown(told(played))
    if played.code != 0:
        raise ActionFailed(told(played))
    if not played.hosts:
        raise ActionRefused("the play names no host of the inventory")
    if not played.changed:
        raise OutcomeUnknown(f"the play changed nothing: {played.told()}")
    return {**played.given, **played.facts(), "hosts": played.hosts, "changed": played.changed}
