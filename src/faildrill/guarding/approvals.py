"""Approvals: named people say, for a while, that one drill may be run in one place. Who approves is not who runs."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from faildrill.kinds.parameter_roles import portable
from faildrill.locking.place_key import places
from faildrill.model.drill import Drill
from faildrill.model.environment import Approvals, Environment
from faildrill.system import atomic_file, who

LONGEST: Final = 7 * 86400.0
"""Seconds for which an approval may hold, at the most."""
_LARGEST: Final = 4096


@dataclass(frozen=True)
class Approval:
    """One person's word; times are UTC, ISO 8601."""

    by: str
    drill: str
    digest: str
    """Of the drill with its targets: another version of it is not approved."""
    identity: str
    at: str
    until: str


def digest(drill: Drill) -> str:
    """Return what tells this version of a drill, with the targets it names, from every other, in any checkout."""
    data = json.dumps(portable(drill.declared().model_dump(mode="json")), sort_keys=True)
    return hashlib.sha256(data.encode()).hexdigest()[:32]


def folder(environment: Environment) -> Path:
    """Return where an environment's approvals are."""
    named = environment.approvals.folder if environment.approvals else None
    return Path(named) if named else places() / environment.proven_identity / "approvals"


def approve(drill: Drill, environment: Environment, by: str, lasting: float) -> Path:
    """Write an approval that holds for float seconds from now, and return its file. OSError when it can't be."""
    now = datetime.now(UTC)
    until = now + timedelta(seconds=min(lasting, LONGEST))
    what = digest(drill)
    approval = Approval(by, drill.name, what, environment.proven_identity, now.isoformat(), until.isoformat())
    place = folder(environment)
    place.mkdir(parents=True, exist_ok=True)
    return atomic_file.write(place / f"{what}-{by}.json", json.dumps(asdict(approval), indent=2).encode())


def objection(drill: Drill, environment: Environment) -> str | None:
    """Return why a drill is not approved, and how it can be; None when it is, or needs no approval here."""
    asked = environment.approvals
    if asked is None:
        return None
    approved: set[str] = set()
    faults: list[str] = []
    for path in sorted(folder(environment).glob("*.json")):
        fault = _fault(path, drill, environment, asked)
        if fault is None:
            approved.add(_read(path)[0].by)
        else:
            faults.append(f"{path.name}: {fault}")
    if len(approved) >= asked.at_least:
        return None
    who = f"{len(approved)} of {asked.at_least} approvals by {', '.join(asked.by)}"
    how = f"faildrill approve DRILL --env {environment.name} --as NAME"
    return f"there are {who}; one of them gives it with: {how}" + (f" ({'; '.join(faults)})" if faults else "")


def _fault(path: Path, drill: Drill, environment: Environment, asked: Approvals) -> str | None:
    """Return why a file approves nothing; None when it approves this drill, here and now."""
    try:
        approval, owner = _read(path)
        until, at = datetime.fromisoformat(approval.until), datetime.fromisoformat(approval.at)
        now = datetime.now(UTC)
        faults = (
            (approval.by not in asked.by, f"{approval.by} is not among those who may approve"),
            (approval.drill != drill.name, f"is for {approval.drill}"),
            (approval.digest != digest(drill), "is for another version of the drill or of its targets"),
            (approval.identity != environment.proven_identity, "is for another place"),
            (
                not at - timedelta(minutes=5) <= now < until,
                f"does not hold now, but from {approval.at} to {approval.until}",
            ),
            ((until - at).total_seconds() > LONGEST, "would hold for longer than an approval may"),
            (approval.by == who.user(), f"{approval.by} runs the drill, and so can't approve it"),
            (owner == os.getuid() and not asked.one_login, "was written by the login that runs the drill"),
        )
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return f"can't be read ({type(error).__name__})"
    return next((fault for wrong, fault in faults if wrong), None)


def _read(path: Path) -> tuple[Approval, int]:
    """Read an approval, and whose file it is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return Approval(**json.loads(os.read(descriptor, _LARGEST))), os.fstat(descriptor).st_uid
    finally:
        os.close(descriptor)
