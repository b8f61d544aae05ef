"""Random histories: a service of which everything is known, and a prober that stalls, loses and is turned away."""

import random
from dataclasses import dataclass

from oracle.pages import SECOND, Look, Probe

MS = 1_000_000
START, SINCE, UNTIL, END = 0, 400 * MS, 19_500 * MS, 20 * SECOND


@dataclass(frozen=True)
class Stretch:
    """How the service is from a moment on."""

    since: int
    mode: str
    who: str


@dataclass(frozen=True)
class History:
    """What happened, and what a probe saw of it; times count from the start of the run."""

    seed: int
    service: tuple[Stretch, ...]
    probe: Probe


def history(seed: int) -> History:
    """Make one up; the same seed makes the same one."""
    chance = random.Random(seed)  # noqa: S311 - made up, not secret
    every = chance.choice([20, 50, 100, 250]) * MS
    timeout = chance.choice([300, 1000, 3000]) * MS
    slow = min(timeout, chance.choice([50, 250, 400, 1000]) * MS)
    service = _service(chance)
    looks = _looks(chance, service, (every, timeout))
    return History(seed, service, Probe(every, timeout, slow, tuple(looks), SINCE, UNTIL))


def _service(chance: random.Random) -> tuple[Stretch, ...]:
    found, at = [Stretch(START, "good", "a")], SINCE + chance.randrange(3 * SECOND)
    while at < END and chance.random() < 0.85:
        modes = ["good", "good", "refusing", "hanging", "slow", "wrong", "flapping"]
        found.append(Stretch(at, chance.choice(modes), chance.choice("aaab")))
        at += chance.choice([20, 90, 300, 1000, 2500, 6000]) * MS * chance.randrange(50, 150) // 100
    if chance.random() < 0.7:
        found.append(Stretch(max(at, found[-1].since + MS), "good", "a"))
    return tuple(found)


def _mode(service: tuple[Stretch, ...], at: int) -> Stretch:
    return next(one for one in reversed(service) if one.since <= at)


def _good_again(service: tuple[Stretch, ...], at: int) -> int:
    return next((one.since for one in service if one.since > at and one.mode in ("good", "slow")), 1 << 62)


def _looks(chance: random.Random, service: tuple[Stretch, ...], pace: tuple[int, int]) -> list[Look]:
    every, timeout = pace
    is_single = chance.random() < 0.5
    trouble = chance.choice([0.0, 0.0, 0.01, 0.05, 0.3])
    begins = [chance.randrange(END) for _ in range(chance.choice([0, 0, 1, 2]))]
    stalls = [(at, at + chance.randrange(4 * SECOND)) for at in begins]
    ends = chance.choice([END, END, END, chance.randrange(5 * SECOND, END)])
    found: list[Look] = []
    busy_until = 0
    for due in range(chance.randrange(every), ends, every):
        stall = next((end for begin, end in stalls if begin <= due < end), None)
        if stall is not None and chance.random() < 0.6:
            continue
        odd = chance.random()
        if odd < trouble:
            outcome = chance.choice(["SKIPPED", "OPEN", "THROTTLED", "BROKEN", ""])
            if outcome:
                sent = 0 if outcome == "SKIPPED" else due
                found.append(Look(due, sent, due + chance.randrange(1, 5 * MS), outcome))
            continue
        if is_single and due < busy_until:
            found.append(Look(due, 0, due, "SKIPPED"))
            continue
        sent = (stall if stall is not None else due) + chance.randrange(MS)
        look = _look(chance, service, (due, sent, timeout))
        busy_until = look.answered
        found.append(look)
    return sorted(found, key=lambda look: look.answered)


def _look(chance: random.Random, service: tuple[Stretch, ...], when: tuple[int, int, int]) -> Look:
    due, sent, timeout = when
    now = _mode(service, sent)
    mode = now.mode
    if mode == "flapping":
        mode = "refusing" if (sent // (40 * MS)) % 2 else "good"
    took = chance.randrange(MS, 10 * MS)
    late = " (seen late)" if chance.random() < 0.02 else ""
    if late:
        took += chance.randrange(800 * MS)
    if mode == "hanging":
        took = max(_good_again(service, sent) - sent, 0) + took
        mode = "good"
    elif mode == "slow":
        took = chance.randrange(5 * MS, 600 * MS)
        mode = "good"
    if took >= timeout:
        return Look(due, sent, sent + timeout, "TIMED_OUT", "", f"no answer{late}")
    if mode == "good":
        return Look(due, sent, sent + took, "OK", now.who, late)
    outcome = chance.choice(["REFUSED", "RESET", "UNREACHABLE"]) if mode == "refusing" else "WRONG"
    return Look(due, sent, sent + took, outcome, now.who if mode == "wrong" else "", f"{mode}{late}")
