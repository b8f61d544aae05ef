"""What Patroni makes of its dynamic configuration: what is written there isn't always what it takes.

By Patroni's own code (`config.py`, `global_config.py`, `utils.py`), and by its release notes since when: from 3.2.0 on
`ttl`, `loop_wait` and `retry_timeout` have smallest values, and are fitted to each other.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from faildrill.standards import Aside, Unread

Config = Mapping[str, JsonValue]
_FITTED: Final = {"loop_wait": (10, 1), "retry_timeout": (10, 3), "ttl": (30, 20)}
"""What holds where nothing is set, and the smallest that is taken; in seconds."""
_FITS_SINCE: Final = (3, 2)
"""The version from which on Patroni fits them."""
_START: Final = 300
"""Seconds that a primary may take to start again, where nothing is set."""
LAG: Final = 1 << 20
"""Bytes that a standby may be behind and is promoted, where nothing is set (`maximum_lag_on_failover`)."""
_ON: Final = ("on", "true", "yes", "1")
"""What Patroni takes for true (`parse_bool`), which is less than YAML does."""
_OFF: Final = ("off", "false", "no", "0")
"""What it takes for false."""
_INTEGERS: Final = (
    (re.compile(r"[-+]?0x[0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[0-7]*"), 8),
    (re.compile(r"[-+]?[1-9][0-9]*"), 10),
)
"""As C's strtol with base 0 reads them: hexadecimal, octal and decimal, in this order."""
_NUMBER: Final = re.compile(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?")
"""With a fraction or an exponent: tried where it is no whole number."""
_LONGEST: Final = 366 * 86400
"""Seconds; a longer time is none that anybody waits for."""
_WHY: Final = "whoever reads the configuration counts on something else than what is in force"


class Effective(NamedTuple):
    """What is in force, by the names of `Failover`, and what is to be said of it; what can't be told is None."""

    failover: dict[str, Any]
    unread: tuple[Unread, ...]
    asides: tuple[Aside, ...]


def effective(config: Config, version: tuple[int, ...]) -> Effective:
    """Return what a Patroni of this version takes; `version` is empty where nobody told it."""
    reading = _Reading(config, version)
    return Effective(reading.failover(), tuple(reading.unread), tuple(reading.asides))


class _Reading:
    def __init__(self, config: Config, version: tuple[int, ...]) -> None:
        self._config, self._version = config, version
        postgres = config.get("postgresql")
        self._postgres: Config = postgres if isinstance(postgres, dict) else {}
        self.unread: list[Unread] = []
        self.asides: list[Aside] = []
        self._source = _followed(config.get("standby_cluster"))

    def failover(self) -> dict[str, Any]:
        times = self._times()
        start = "primary_start_timeout" if "primary_start_timeout" in self._config else "master_start_timeout"
        settings: dict[str, Any] = {name: None if times is None else f"{times[name]}s" for name in _FITTED}
        seconds = self._integer(start, _START)
        settings["primary_start_timeout"] = f"{seconds}s" if 0 <= seconds <= _LONGEST else None
        lag = self._integer("maximum_lag_on_failover", LAG)
        settings["maximum_lag"] = lag if lag >= 0 else None
        settings["follows"] = self._follows()
        settings["synchronous"] = self._synchronous()
        settings["failsafe"] = self._switch("failsafe_mode")
        settings["paused"] = self._switch("pause")
        # What does not fit makes Patroni keep what it had of these, and nobody tells what that was.
        settings["rewind"] = None if times is None else self._rewind()
        settings["parameters"] = None if times is None else dict(self._parameters())
        return {name: value for name, value in settings.items() if value is not None}

    def _times(self) -> dict[str, int] | None:
        """Return the three times as Patroni fits them to each other, in seconds; None where it keeps what it had."""
        written: dict[str, int] = {}
        for name, (own, _) in _FITTED.items():
            value = self._config.get(name, own)
            try:
                written[name] = int(value)  # type: ignore[arg-type] # whatever it is, as Patroni does
            except (TypeError, ValueError, OverflowError):
                self.unread.append(
                    Unread(
                        "ttl, loop_wait, retry_timeout, use_pg_rewind and parameters",
                        f"{name} is {value!r}, no number: Patroni goes on with the configuration that it had before",
                    )
                )
                return None
        taken = fitted(written)
        if taken != written and not self._version:
            self.unread.append(Unread("ttl, loop_wait and retry_timeout", "which Patroni takes them is not known"))
            return None
        if self._version < _FITS_SINCE:
            return written
        for name, value in written.items():
            if taken[name] != value:
                self.asides.append(
                    Aside(
                        f"{name} is written as {value} s, and Patroni takes {taken[name]} s",
                        "at least ttl 20 s, loop_wait 1 s and retry_timeout 3 s, and loop_wait + 2 * retry_timeout "
                        "no more than ttl: else Patroni changes them, and says so in its log only",
                        f"patronictl edit-config -s {name}={taken[name]}",
                        wrong=True,
                    )
                )
        return taken

    def _integer(self, name: str, own: int) -> int:
        value = self._config.get(name)
        if value is None:
            return own
        number = integer(value)
        if number is None:
            self.asides.append(Aside(f"{name} is {value!r}, no number, and Patroni takes {own}", _WHY, wrong=True))
        return own if number is None else number

    def _switch(self, name: str) -> bool:
        value = self._config.get(name)
        truth = _truth(value)
        if truth is None and value is not None:
            oddity = f"{name} is {value!r}, no truth value, and Patroni takes it for off"
            self.asides.append(Aside(oddity, _WHY, wrong=True))
        return bool(truth)

    def _follows(self) -> str:
        """Name the cluster that this one only follows, if it does."""
        if self._source == "none":
            return self._source
        oddity = f"it is a standby cluster of {self._source}, by `standby_cluster`"
        why = "its leader takes no writes, and another cluster's death makes no writer here until a person promotes it"
        self.asides.append(Aside(oddity, why))
        return self._source

    def _synchronous(self) -> str:
        mode = self._config.get("synchronous_mode")
        quorum = str(mode).lower() == "quorum"
        wanted = quorum or self._switch("synchronous_mode")
        strict = self._switch("synchronous_mode_strict")
        if not wanted or self._source != "none":
            return "off"
        return "quorum" if quorum else "strict" if strict else "on"

    def _rewind(self) -> bool:
        value = self._postgres.get("use_pg_rewind")
        if isinstance(value, str) and value and _truth(value) is not True:
            oddity = f"use_pg_rewind is the text {value!r}, and Patroni takes any text for on"
            self.asides.append(Aside(oddity, _WHY, wrong=True))
        return bool(value)

    def _parameters(self) -> Iterator[tuple[str, Any]]:
        parameters = self._postgres.get("parameters")
        for name, value in (parameters if isinstance(parameters, dict) else {}).items():
            if isinstance(value, (str, int, float)):
                yield name, value
            elif value is not None:
                self.unread.append(Unread(f"parameter {name}", f"{value!r} is no value of PostgreSQL's"))


def fitted(times: Mapping[str, int]) -> dict[str, int]:
    """Return `ttl`, `loop_wait` and `retry_timeout` as Patroni fits them: `loop_wait + 2 * retry_timeout <= ttl`."""
    loop_wait, retry_timeout, ttl = (max(times[name], least) for name, (_, least) in _FITTED.items())
    shortest = _FITTED["loop_wait"][1]
    if shortest + 2 * retry_timeout > ttl:
        # Patroni's own arithmetic (`config.py`, 3.2): the retries are shortened only where the shortest loop does not
        # help.
        loop_wait, retry_timeout = shortest, (ttl - shortest) // 2
    elif loop_wait + 2 * retry_timeout > ttl:
        loop_wait = ttl - 2 * retry_timeout
    return {"loop_wait": loop_wait, "retry_timeout": retry_timeout, "ttl": ttl}


def integer(value: JsonValue) -> int | None:
    """Read a number as Patroni reads most of them: like C, with 0x and 0 for other bases; None where it is none."""
    text = str(value).strip()
    whole = next(((match, base) for pattern, base in _INTEGERS if (match := pattern.match(text))), None)
    rest = text[whole[0].end() :] if whole else text
    number = _NUMBER.fullmatch(text) if rest.startswith((".", "e", "E") if whole else ".") else None
    try:
        if whole and not rest.strip():
            return int(whole[0][0], whole[1])
        return round(float(number[0])) if number else None
    except (OverflowError, ValueError):  # more digits than a number may have
        return None


def _followed(there: JsonValue) -> str:
    """Name what a standby cluster follows; `none` where the section is not there, or says too little to count."""
    if not isinstance(there, dict) or not any(there.get(key) for key in ("host", "port", "restore_command")):
        return "none"
    host, port = there.get("host"), there.get("port")
    return f"{host or ''}:{port}" if port else str(host or "an archive")


def _truth(value: JsonValue) -> bool | None:
    text = str(value).lower()
    return True if text in _ON else False if text in _OFF else None
