"""When people are told: not at once, not again and again, and always that it is over. Pure; time is handed in.

A condition raises an alarm when it has been bad for `after` seconds without a break, and ends it when it has been good
for `calm` seconds without a break. So one that flaps makes one alert, and one recovery that says how often it flapped;
whatever it does, people get no more than two messages in `after` + `calm` seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from faildrill import durations
from faildrill.ports.notice import Notice

MOST: Final = 20
"""Conditions told one by one in a notice."""


class Condition(NamedTuple):
    """One thing that may be bad, as it was just seen."""

    key: str
    """What it is called, the same as long as it is the same thing."""
    bad: bool
    told: str = ""
    """The evidence, where it is bad."""
    step: str = ""
    """What to do next."""


@dataclass
class _Alarm:
    """The state of one condition."""

    bad: bool = False
    since: float = 0.0
    """When it last turned."""
    alerting: bool = False
    raised: float = 0.0
    flaps: int = 0
    """How often it turned good and bad again while it was alerting."""
    told: str = ""
    step: str = ""


class Alarms:
    """The alarms of one watch."""

    def __init__(self, name: str, after: float, calm: float) -> None:
        """Begin with nothing bad; `name` is what is watched, times are float seconds."""
        self._name = name
        self._after = after
        self._calm = calm
        self._alarms: dict[str, _Alarm] = {}

    def see(self, conditions: Iterable[Condition], now: float) -> None:
        """Take in what was just seen; `now` in float seconds of a clock that never goes back."""
        for condition in conditions:
            alarm = self._alarms.setdefault(condition.key, _Alarm(since=now))
            if condition.bad:
                alarm.told, alarm.step = condition.told, condition.step
            if condition.bad != alarm.bad:
                alarm.flaps += alarm.alerting and condition.bad
                alarm.bad, alarm.since = condition.bad, now

    def absent(self, keys: Iterable[str], now: float) -> None:
        """Take in that these are bad no more, as nobody found them again."""
        self.see([Condition(key, bad=False) for key in keys], now)

    def notices(self, now: float) -> list[Notice]:
        """Return what people are to be told now: one alert for all that is new, one recovery for all that is over."""
        raised = [key for key, state in self._alarms.items() if self._rises(state, now)]
        over = [key for key, state in self._alarms.items() if self._falls(state, now)]
        due = []
        if raised:
            for key in raised:
                alarm = self._alarms[key]
                alarm.alerting, alarm.raised, alarm.flaps = True, now, 0
            due.append(self._alert(raised))
        if over:
            due.append(self._recovery(over, now))
            for key in over:
                del self._alarms[key]
        self._forget(now)
        return due

    def states(self) -> Iterable[tuple[str, bool, bool, int]]:
        """Give every condition that is known: its key, whether it is bad, whether it is alerting, its flaps."""
        return [(key, alarm.bad, alarm.alerting, alarm.flaps) for key, alarm in self._alarms.items()]

    def _rises(self, one: _Alarm, now: float) -> bool:
        return one.bad and not one.alerting and now - one.since >= self._after

    def _falls(self, one: _Alarm, now: float) -> bool:
        return one.alerting and not one.bad and now - one.since >= self._calm

    def _forget(self, now: float) -> None:
        """Forget what was bad too shortly to be told, and is good again."""
        gone = [
            key for key, alarm in self._alarms.items() if not alarm.bad and not alarm.alerting and alarm.since < now
        ]
        for key in gone:
            del self._alarms[key]

    def _alert(self, keys: list[str]) -> Notice:
        lines = []
        for key in keys[:MOST]:
            alarm = self._alarms[key]
            lines += [f"- {alarm.told or key}", *([f"  next: {alarm.step}"] if alarm.step else [])]
        more = [f"- and {len(keys) - MOST} more"] if len(keys) > MOST else []
        title = f"{self._name}: {_count(keys)} deviate" if len(keys) > 1 else f"{self._name}: {keys[0]} deviates"
        return Notice("alert", title, "\n".join([*lines, *more]))

    def _recovery(self, keys: list[str], now: float) -> Notice:
        lines = []
        for key in keys[:MOST]:
            alarm = self._alarms[key]
            lasted = durations.show(max(0.0, alarm.since - alarm.raised))
            flapped = f", flapped {alarm.flaps} times" if alarm.flaps else ""
            lines.append(f"- {key}: good again for {durations.show(now - alarm.since)}, alerted for {lasted}{flapped}")
        more = [f"- and {len(keys) - MOST} more"] if len(keys) > MOST else []
        title = f"{self._name}: {_count(keys)} are as approved again" if len(keys) > 1 else (
            f"{self._name}: {keys[0]} is as approved again"
        )  # fmt: skip
        return Notice("recovery", title, "\n".join([*lines, *more]))


def _count(keys: list[str]) -> str:
    return f"{len(keys)} settings or probes"
