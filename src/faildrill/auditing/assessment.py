"""An audit: every place that is listed is read at once, compared with what was approved, and weighed by the rules."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from faildrill.acting.call import call, words
from faildrill.auditing import rules
from faildrill.auditing.detection_time import detections
from faildrill.auditing.remarks import Audit, Audited, Detection, Grade, Remark
from faildrill.auditing.severities import known
from faildrill.errors import ActionError, CannotSee, WrongUsage
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.environment import Environment
from faildrill.standards import PutsRight, ReadsSettings, Settings, SettingsRead, Standard, differences
from faildrill.system import redaction

WITHIN: Final = 10.0
"""Seconds that reading one place may take."""


async def audit(environment: Environment, objective: float | None = None, within: float = WITHIN) -> Audit:
    """Audit all that an environment lists; changes nothing, and ends within `within` seconds.

    `objective`: seconds within which a dead server must be noticed, where no standard says it. Raises WrongUsage when
    the environment lists nothing to read.
    """
    if not environment.settings:
        raise WrongUsage(
            f"{environment.name} lists nothing to audit; give it e.g.\n"
            "  settings:\n    payments: {haproxy.settings: {load_balancer: payments, file: /etc/haproxy/haproxy.cfg}}"
        )
    names = list(environment.settings)
    readers = [build(environment.settings[name], "settings") for name in names]
    readings = await asyncio.gather(*(_read(reader, within) for reader in readers))
    assessed = [
        _weighed(name, reader, reading, environment.standards.get(name), objective)
        for name, reader, reading in zip(names, readers, readings, strict=True)
    ]
    found = Audit(
        environment.name,
        datetime.now(UTC).isoformat(timespec="seconds"),
        [looked_at for audited, _, _ in assessed for looked_at in audited],
        [*(remark for _, some, _ in assessed for remark in some), *_unused(environment)],
        [detection for _, _, some in assessed for detection in some],
    )
    return _without_secrets(found)


def _without_secrets(found: Audit) -> Audit:
    """Clean what was read of what this process knows to be secret, before any format escapes it anew."""
    clean = redaction.clean
    return found._replace(
        audited=[audited._replace(source=clean(audited.source)) for audited in found.audited],
        remarks=[
            remark._replace(
                what=clean(remark.what),
                why=clean(remark.why),
                remedy=clean(remark.remedy),
                standard=clean(remark.standard),
                live=clean(remark.live),
                path=redaction.clean_all(remark.path),
            )
            for remark in found.remarks
        ],
        detections=[
            detection._replace(
                of=clean(detection.of), formula=clean(detection.formula), standing=clean(detection.standing)
            )
            for detection in found.detections
        ],
    )


async def _read(reader: ReadsSettings, within: float) -> SettingsRead | str:
    try:
        return await call(reader.settings(CallContext("audit", timeout=within)), within)
    except (ActionError, CannotSee) as error:
        return words(error)


_Found = tuple[list[Audited], list[Remark], list[Detection]]


def _weighed(
    name: str, reader: ReadsSettings, reading: SettingsRead | str, standard: Standard | None, objective: float | None
) -> _Found:
    """Weigh what was read of one place; where nothing was, that is what was found."""
    if isinstance(reading, str):
        unread = Remark("readable", Grade.UNREAD, name, reading, "a setting that can't be read counts as wrong")
        return [Audited(name, "", compared=False)], [unread], []
    if standard is not None and reading.any_case:
        standard = standard.spelled_as(reading)
    noticed = list(detections(name, reading.live, standard, objective))
    remarks = [
        *(_compared(name, reader, standard, reading) if standard else [rules.without_standard(name, reading.live)]),
        *rules.remarks(name, reading),
        *(remark for detection in noticed if (remark := rules.slow(detection))),
    ]
    order = list(Grade)
    return (
        [Audited(name, reading.source, compared=standard is not None)],
        sorted(dict.fromkeys(remarks), key=lambda one: order.index(one.grade)),
        noticed,
    )


def _compared(name: str, reader: ReadsSettings, standard: Standard, reading: SettingsRead) -> Iterator[Remark]:
    live = reading.live
    for difference in differences(standard.settings, live, spelled=reading.spelled):
        grade, why = known(difference)
        if difference.path in reading.steered:
            grade, why = Grade.NOTE, f"{reading.steered[difference.path]} sets it again and again: nobody changed it"
        if difference.path[-1] == "weight" and _same_shares(difference.path[1], standard, live):
            grade, why = Grade.NOTE, "the numbers differ, and every server's share is the approved one all the same"
        remedy = reader.remedy(difference) if isinstance(reader, PutsRight) and grade is not Grade.UNREAD else ""
        yield Remark(
            "standard", grade, name, str(difference), why, remedy, difference.standard, difference.live, difference.path
        )


def _same_shares(backend: str, standard: Standard, live: Settings) -> bool:
    """Tell whether all weights of a backend are the approved ones times the same number."""
    wanted = ((standard.settings.backends or {})[backend].servers or {}).items()
    there = ((live.backends or {})[backend].servers or {}).items()
    approved = {name: server.weight for name, server in wanted}
    now = {name: server.weight for name, server in there}
    if set(approved) != set(now) or None in (*approved.values(), *now.values()):
        return False
    total, sum_now = sum(weight or 0 for weight in approved.values()), sum(weight or 0 for weight in now.values())
    return sum_now > 0 and all((approved[name] or 0) * sum_now == (now[name] or 0) * total for name in approved)


def _unused(environment: Environment) -> Iterator[Remark]:
    """Tell of standards that nothing was compared with."""
    for name in environment.standards:
        if name not in environment.settings:
            what = f"the standard {name!r} was compared with nothing: no `settings` is called so"
            yield Remark("standard", Grade.UNREAD, name, what, "a setting that can't be read counts as wrong")
