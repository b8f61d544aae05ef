"""Random histories: a service of which everything is known, and probers that stall, lose, die and are turned away."""

import random
from dataclasses import dataclass, replace

from oracle.record import MS, NOTHING, SECOND, Look, Probe

MARKS = {
    "since": 400 * MS,
    "warm": 3_400 * MS,
    "fault": 3_500 * MS,
    "effect": 3_700 * MS,
    "undone": 15 * SECOND,
    "steadying": 16 * SECOND,
    "steady": 16_500 * MS,
    "until": 19_500 * MS,
    "end": 20 * SECOND,
}
"""When what happens in a run, in ns from its start, where it takes its usual time."""
PACES = (
    (1, (250, 1000)),
    (1, (100, 250)),
    (0.25, (40, 100)),
    (0.05, (2, 5, 20)),
    (0.02, (1, 4)),
    (3, (1000, 3000)),
)
"""How long a run takes, times its usual length, and how many ms may lie between its looks."""


@dataclass(frozen=True)
class Stretch:
    """How the service is from a moment on."""

    since: int
    mode: str
    who: str


@dataclass(frozen=True)
class History:
    """What happened, and what probes saw of it; times count from the start of the run."""

    seed: int
    scale: float
    service: tuple[Stretch, ...]
    probe: Probe
    other: Probe

    def at(self, mark: str) -> int:
        """Give when something happened."""
        return moment(mark, self.scale)

    @property
    def probes(self) -> tuple[Probe, Probe]:
        """Both probes of the run."""
        return self.probe, self.other


def moment(mark: str, scale: float) -> int:
    """Give when something happens in a run of some length."""
    return round(MARKS[mark] * scale)


def history(seed: int) -> History:
    """Make one up; the same seed makes the same one."""
    chance = random.Random(seed)  # noqa: S311 - made up, not secret
    scale, intervals = chance.choice(PACES)
    service = _service(chance, scale)
    every = chance.choice(intervals) * MS
    probe = _probe(chance, scale, service, every)
    calm = (Stretch(0, "good", "a"),)
    other = _probe(chance, scale, service if chance.random() < 0.3 else calm, every * chance.choice([1, 2, 5]))
    return History(seed, scale, service, probe, other)


def _probe(chance: random.Random, scale: float, service: tuple[Stretch, ...], every: int) -> Probe:
    timeout = round(chance.choice([300, 1000, 3000, 30_000]) * MS * scale)
    slow = min(timeout, round(chance.choice([50, 250, 400, 1000]) * MS * scale))
    looks = _Prober(chance, scale, service, (every, timeout)).looks()
    return Probe(every, timeout, slow, tuple(looks), moment("since", scale), moment("until", scale))


def _service(chance: random.Random, scale: float) -> tuple[Stretch, ...]:
    begin = chance.choice([0, moment("since", scale), moment("fault", scale), moment("fault", scale)])
    calm = chance.choice([0, 0, 5, 10])
    found, at = [Stretch(0, "good", "a")], begin + chance.randrange(round(3 * SECOND * scale))
    end = moment("end", scale)
    if chance.random() < 0.05:
        found = [Stretch(0, chance.choice(["refusing", "hanging", "slow"]), "a")]
    while at < end and chance.random() < 0.85:
        modes = ["good"] * (2 + calm) + ["refusing", "hanging", "slow", "wrong", "flapping", "losing", "moving"]
        found.append(Stretch(at, chance.choice(modes), chance.choice(["a", "a", "a", "b", "a,b", "b,c", ""])))
        length = chance.choice([1, 20, 90, 300, 1000, 2500, 6000]) * MS * chance.randrange(50, 150) // 100
        at += max(round(length * scale), 1)
    if chance.random() < 0.7:
        found.append(Stretch(max(at, found[-1].since + 1), "good", "a"))
    return tuple(found)


class _Prober:
    """Looks at a service, each look due at its moment; some are late, some lost, some held back or turned away."""

    def __init__(
        self, chance: random.Random, scale: float, service: tuple[Stretch, ...], pace: tuple[int, int]
    ) -> None:
        self._chance, self._scale, self._service = chance, scale, service
        self._every, self._timeout = pace
        self._in_flight = chance.choice([1, 2, 1 << 30, 1 << 30])
        self._trouble = chance.choice([0.0, 0.0, 0.0, 0.0, 0.01, 0.05, 0.3, 0.95])
        self._is_exact = chance.random() < 0.3
        """Answers at whole intervals: many moments are the same, and limits met exactly."""
        self._jitter = chance.choice([1, MS, 10 * MS])
        end = moment("end", scale)
        begins = [chance.randrange(end) for _ in range(chance.choice([0, 0, 1, 2]))]
        self._stalls = [(at, at + chance.randrange(round(4 * SECOND * scale))) for at in begins]
        self._under_way: list[int] = []

    def looks(self) -> list[Look]:
        """Give all that is recorded, in the order of the files."""
        chance, end = self._chance, moment("end", self._scale)
        begin = chance.choice([0, *[chance.randrange(self._every)] * 6, chance.randrange(end // 2)])
        ends = chance.choice([end] * 7 + [chance.randrange(1, end)])
        second = chance.randrange(begin, end) if chance.random() < 0.15 else None
        found = self._of_one(begin, ends if second is None else min(second, ends), 0)
        if second is not None:
            found += self._of_one(second + chance.randrange(2 * self._every), end, 1)
        return found

    def _of_one(self, begin: int, end: int, file: int) -> list[Look]:
        """Give the samples of one prober; what is under way when it dies is lost."""
        found = [look for due in range(begin, end, self._every) for look in self._at(due)]
        cut = moment("end", self._scale) if file or self._chance.random() < 0.5 else end
        kept = [replace(look, file=file) for look in found if look.answered <= max(cut, end)]
        return sorted(kept, key=lambda look: look.answered)

    def _at(self, due: int) -> list[Look]:
        chance = self._chance
        stall = next((end for begin, end in self._stalls if begin <= due < end), None)
        if stall is not None and stall - due > self._every:
            outcome = chance.choice(["SKIPPED", ""])
            return [Look(due, 0, stall, outcome, "", "the prober itself was late")] if outcome else []
        if chance.random() < self._trouble:
            outcome = chance.choice([*NOTHING, ""])
            sent = 0 if outcome == "SKIPPED" else due
            who = chance.choice(["", "b"])
            return [Look(due, sent, due + chance.randrange(1, 5 * MS), outcome, who)] if outcome else []
        self._under_way = [answered for answered in self._under_way if answered > due]
        if len(self._under_way) >= self._in_flight:
            return [Look(due, 0, due, "SKIPPED", "", "too many looks under way")]
        sent = (stall if stall is not None else due) + (0 if self._is_exact else chance.randrange(self._jitter))
        found = self._look(due, sent)
        self._under_way.append(found[0].answered)
        return found

    def _look(self, due: int, sent: int) -> list[Look]:
        chance = self._chance
        now = next(one for one in reversed(self._service) if one.since <= sent)
        mode, who = now.mode, now.who
        if mode == "flapping":
            mode = "refusing" if (sent // max(round(40 * MS * self._scale), 1)) % 2 else "good"
        if mode == "moving":
            mode, who = "good", chance.choice(["a", "b", "a,b", "b,a"])
        took = self._every if self._is_exact else chance.randrange(1, round(10 * MS * self._scale))
        late = " (seen late)" if chance.random() < 0.02 else ""
        took += chance.randrange(round(800 * MS * self._scale)) if late else 0
        if mode == "slow":
            took = chance.randrange(round(5 * MS * self._scale), round(1500 * MS * self._scale))
        if mode == "hanging":
            took += max(self._good_again(sent) - sent, 0)
        if mode == "losing" or took >= self._timeout:
            given_up = Look(due, sent, sent + self._timeout, "TIMED_OUT", "", f"no answer{late}")
            told_late = mode != "losing" and took < 1 << 60 and chance.random() < 0.3
            return [given_up, Look(due, sent, sent + took, "OK", who, "late answer")] if told_late else [given_up]
        if mode in ("good", "hanging", "slow"):
            return [Look(due, sent, sent + took, "OK", who, late)]
        outcome = chance.choice(["REFUSED", "RESET", "UNREACHABLE"]) if mode == "refusing" else "WRONG"
        look = Look(due, sent, sent + took, outcome, who if mode == "wrong" else "", f"{mode}{late}")
        return [look, *self._between(look)]

    def _between(self, refused: Look) -> list[Look]:
        """Give a look between two refusals, told beside the schedule, where there is one."""
        sent = refused.answered + self._chance.randrange(1, max(self._every, 2))
        if self._chance.random() < 0.8 or not refused.sent:
            return []
        now = next(one for one in reversed(self._service) if one.since <= sent)
        answered = sent + self._chance.randrange(1, max(self._every // 2, 2))
        outcome = "OK" if now.mode == "good" else "REFUSED"
        return [Look(sent, sent, answered, outcome, now.who if outcome == "OK" else "")]

    def _good_again(self, at: int) -> int:
        return next((one.since for one in self._service if one.since > at and one.mode in ("good", "slow")), 1 << 62)
